/* A batch of samples over two machines, in C99: the first exits on the device, and what they do not
 * accept goes on with the rest of the network elsewhere. Here both are one process.
 *
 *     cc -std=c99 tiers.c $(pkg-config --cflags --libs eenet_c) -o tiers
 *     ./tiers head.eenet densenet121.eenet images.f32
 *
 * head.eenet holds the first exits (eenet-export --exits 0:2), densenet121.eenet all of them or the
 * others. images.f32 holds any number of samples as classify.c takes one. */
#include <eenet/c_api.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(void) {
  fprintf(stderr, "tiers: %s\n", eenet_last_error());
  return 0;
}

/* Reads the numbers of whole samples; NULL if the file holds none. The caller frees them. */
static float* read_samples(const char* path, size_t size, int64_t* count) {
  FILE* const file = fopen(path, "rb");
  float* numbers = NULL;
  if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
    const long bytes = ftell(file);
    *count = bytes < 0 ? 0 : (int64_t)((size_t)bytes / (size * sizeof *numbers));
    numbers = *count > 0 ? malloc((size_t)*count * size * sizeof *numbers) : NULL;
    rewind(file);
    if (numbers != NULL && fread(numbers, size * sizeof *numbers, (size_t)*count, file) == 0) {
      free(numbers);
      numbers = NULL;
    }
  }
  if (file != NULL) fclose(file);
  if (numbers == NULL) fprintf(stderr, "tiers: %s: no sample of %zu float32 numbers\n", path, size);
  return numbers;
}

/* What the other machine makes of a sample that was handed on. */
static int resume(eenet_runtime* rest, const eenet_answer* handed, size_t sample) {
  eenet_answers* answers = NULL;
  eenet_answer answer = {.struct_size = sizeof answer};
  /* Over a network these bytes are what travels. */
  const int done =
      eenet_resume(rest, handed->handoff, handed->handoff_size, NULL, &answers) == EENET_OK &&
      eenet_get_answer(answers, 0, &answer) == EENET_OK;
  if (done) {
    printf("sample %zu: label %" PRId64 ", exit %" PRId64 ", handed on in %zu bytes\n", sample,
           answer.label, answer.exit, handed->handoff_size);
  } else {
    failed();
  }
  eenet_free_answers(answers);
  return done;
}

static int answer_all(eenet_runtime* head, eenet_runtime* rest, const char* path) {
  eenet_info info = {.struct_size = sizeof info};
  if (eenet_get_info(head, &info) != EENET_OK) return failed();
  const eenet_input* const input = &info.inputs[0];
  int64_t shape[8] = {0};
  size_t size = 1;
  for (size_t i = 0; i < input->rank && i < 7; ++i) {
    shape[i + 1] = input->max_shape[i];
    size *= (size_t)input->max_shape[i];
  }
  float* const numbers = read_samples(path, size, &shape[0]);
  if (numbers == NULL) return 0;
  const eenet_tensor batch = {
      .dtype = EENET_FLOAT32, .rank = input->rank + 1, .shape = shape, .data = numbers};
  eenet_answers* answers = NULL;
  int done = eenet_infer_batch(head, &batch, 1, NULL, &answers) == EENET_OK || failed();
  free(numbers);
  for (size_t i = 0; done && i < eenet_num_answers(answers); ++i) {
    eenet_answer answer = {.struct_size = sizeof answer};
    done = eenet_get_answer(answers, i, &answer) == EENET_OK || failed();
    if (!done) break;
    if (answer.stopped_by == EENET_STOP_HANDED_ON) {
      done = resume(rest, &answer, i);
    } else {
      printf("sample %zu: label %" PRId64 ", exit %" PRId64 "\n", i, answer.label, answer.exit);
    }
  }
  eenet_free_answers(answers);
  return done;
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: tiers HEAD_BUNDLE BUNDLE IMAGES\n");
    return 2;
  }
  eenet_runtime* head = NULL;
  eenet_runtime* rest = NULL;
  eenet_load_options options = {.struct_size = sizeof options};
  int done = eenet_load(argv[1], &options, &head) == EENET_OK &&
             eenet_load(argv[2], &options, &rest) == EENET_OK;
  done = done ? answer_all(head, rest, argv[3]) : failed();
  eenet_free(head);
  eenet_free(rest);
  return done ? 0 : 2;
}
