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

/* Takes what the library has to say beside its answers. */
static void say(void* user, int64_t level, const char* message) {
  (void)user;
  fprintf(stderr, "classify: %s: %s\n", level == EENET_LOG_ERROR ? "error" : "warning", message);
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
  const eenet_status status = share ? eenet_set_budget_share(runtime, number / 100, NULL)
                                    : eenet_set_budget(runtime, number, NULL);
  return status == EENET_OK || failed();
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
  eenet_answers* answers = NULL;
  eenet_answer answer = {.struct_size = sizeof answer};
  int done = eenet_infer(runtime, &tensor, 1, NULL, &answers) == EENET_OK &&
             eenet_get_answer(answers, 0, &answer) == EENET_OK;
  free(numbers);
  if (done) {
    printf("label %" PRId64 " (%s), probability %.4f, exit %" PRId64 " of %zu, %.3f ms\n",
           answer.label, info.classes[answer.label], answer.probability, answer.exit,
           info.num_exits, answer.latency_ms);
  } else {
    failed();
  }
  eenet_free_answers(answers);
  return done && print_stats(runtime);
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
  eenet_set_log(say, NULL);
  eenet_runtime* runtime = NULL;
  eenet_load_options options = {.struct_size = sizeof options};
  int done = eenet_load(argv[1], &options, &runtime) == EENET_OK || failed();
  if (done && argc == 4) done = set_budget(runtime, argv[3]);
  done = done && classify(runtime, argv[2]);
  eenet_free(runtime);
  return done ? 0 : 2;
}
