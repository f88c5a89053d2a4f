/* Classifies one sample with a bundle, in C99:
 *
 *     cc -std=c99 classify.c $(pkg-config --cflags --libs eenet_c) -o classify
 *     ./classify densenet121.eenet image.f32 [BUDGET]
 *
 * With EENet in a prefix of its own, as /opt/eenet, pkg-config needs
 * PKG_CONFIG_PATH=/opt/eenet/lib/pkgconfig, and the program LD_LIBRARY_PATH=/opt/eenet/lib, or
 * -Wl,-rpath,/opt/eenet/lib when it is linked.
 *
 * image.f32 holds the numbers of the network's only input, preprocessed, as numpy's tofile() writes
 * them: float32, row-major, no header. BUDGET is a share of full cost, as 65%, or a number in the
 * unit of the bundle's schedules. */
#include <eenet/c_api.h>
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads exactly `count` numbers; NULL if the file does not hold so many. The caller frees them. */
static float* read_numbers(const char* path, size_t count) {
  FILE* const file = fopen(path, "rb");
  float* const numbers = malloc(count * sizeof *numbers);
  int complete = 0;
  if (file != NULL && numbers != NULL) {
    complete = fread(numbers, sizeof *numbers, count, file) == count && fgetc(file) == EOF;
  }
  if (file != NULL) fclose(file);
  if (complete) return numbers;
  fprintf(stderr, "classify: %s: %zu float32 numbers expected\n", path, count);
  free(numbers);
  return NULL;
}

/* Says what the library has to say of its last failure. */
static int failed(void) {
  fprintf(stderr, "classify: %s\n", eenet_last_error());
  return 0;
}

/* Puts "65%", a share of full cost, or a number into force. */
static int set_budget(eenet_runtime* runtime, const char* text) {
  char* end = NULL;
  const double number = strtod(text, &end);
  const int share = strcmp(end, "%") == 0 || strcmp(end, " %") == 0;
  if (end == text || !(share || *end == '\0') || !(number > 0 && number <= DBL_MAX)) {
    fprintf(stderr,
            "classify: budget: '%s' came, a number above 0 or a share of full cost, as 65%%, "
            "expected\n",
            text);
    return 0;
  }
  int64_t schedule = 0;
  const eenet_status status = share ? eenet_set_budget_share(runtime, number / 100, &schedule)
                                    : eenet_set_budget(runtime, number, &schedule);
  if (status != EENET_OK) return failed();
  if (schedule < 0) {
    fprintf(stderr,
            "classify: warning: budget: %s is above full cost: full depth runs, without early "
            "exits; for a share of full cost ask as for 65%%\n",
            text);
  }
  return 1;
}

static int print_stats(const eenet_runtime* runtime) {
  eenet_stats stats = {.struct_size = sizeof stats};
  if (eenet_get_stats(runtime, &stats) != EENET_OK) return failed();
  printf("%" PRIu64 " sample(s), %.3f ms on average\n", stats.count, stats.mean_latency_ms);
  return 1;
}

static int classify(eenet_runtime* runtime, const char* path) {
  eenet_info info = {.struct_size = sizeof info};
  if (eenet_get_info(runtime, &info) != EENET_OK) return failed();
  const eenet_input* const input = &info.inputs[0];
  size_t count = 1;
  for (size_t i = 0; i < input->rank; ++i) count *= (size_t)input->max_shape[i];
  float* const numbers = read_numbers(path, count);
  if (numbers == NULL) return 0;

  const eenet_tensor tensor = {
      .dtype = EENET_FLOAT32, .rank = input->rank, .shape = input->max_shape, .data = numbers};
  eenet_result result = {.struct_size = sizeof result};
  const eenet_status status = eenet_infer(runtime, &tensor, 1, NULL, &result);
  free(numbers);
  if (status != EENET_OK) return failed();
  printf("label %" PRId64 " (%s), probability %.4f, exit %" PRId64 " of %zu, %.3f ms\n",
         result.label, info.classes[result.label], result.probability, result.exit, info.num_exits,
         result.latency_ms);
  return print_stats(runtime);
}

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    fprintf(stderr, "usage: classify BUNDLE IMAGE [BUDGET]\n");
    return 2;
  }
  if (eenet_abi_version() != EENET_ABI_VERSION) {
    fprintf(stderr, "classify: built for version %d of the interface, the library has %d\n",
            EENET_ABI_VERSION, eenet_abi_version());
    return 2;
  }
  eenet_runtime* runtime = NULL;
  eenet_load_options options = {.struct_size = sizeof options};
  int done = eenet_load(argv[1], &options, &runtime) == EENET_OK || failed();
  if (done && argc == 4) done = set_budget(runtime, argv[3]);
  done = done && classify(runtime, argv[2]);
  eenet_free(runtime);
  return done ? 0 : 2;
}
