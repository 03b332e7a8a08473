/* Runs the step graph once on ONNX Runtime's C interface, on any processor that the engine was built for.
 *
 * golden FOLDER GRAPH THREADS
 *
 * FOLDER/inputs has lines "name type rank dimensions..." (type int64 or float32), and FOLDER/<name> each one's
 * little-endian elements; writes FOLDER/nll (float32) and prints the engine's version.
 *
 * Exit codes: 0 done, 1 the engine or the system refuses, 2 wrong usage.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnxruntime_c_api.h"

#define MOST_INPUTS 8
#define MOST_DIMENSIONS 8
#define NAME_BYTES 64

typedef struct {
  char name[NAME_BYTES];
  OrtValue *value;
} Input;

static const OrtApi *ort;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "golden: %s: %s\n", what, why);
  exit(1);
}

static void must(OrtStatus *status, const char *what) {
  if (status != NULL) fail(what, ort->GetErrorMessage(status));
}

static FILE *opened(const char *folder, const char *name, const char *mode) {
  char path[4096];
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) fail(folder, "path too long");
  FILE *file = fopen(path, mode);
  if (file == NULL) fail(path, "cannot be opened");
  return file;
}

/* One line of `inputs` with its elements; false at the end of the list. */
static int read_input(FILE *list, const char *folder, OrtAllocator *allocator, Input *input) {
  char type[16];
  int rank;
  int64_t shape[MOST_DIMENSIONS];
  size_t count = 1;
  int fields = fscanf(list, "%63s %15s %d", input->name, type, &rank);
  if (fields == EOF) return 0;
  if (fields != 3 || rank < 0 || rank > MOST_DIMENSIONS) fail("inputs", "a line is not name, type, rank");
  for (int i = 0; i < rank; i++) {
    if (fscanf(list, "%" SCNd64, &shape[i]) != 1 || shape[i] < 1) fail(input->name, "a dimension is missing");
    count *= (size_t)shape[i];
  }
  int is_float = strcmp(type, "float32") == 0;
  if (!is_float && strcmp(type, "int64") != 0) fail(input->name, "type is neither int64 nor float32");

  ONNXTensorElementDataType element = is_float ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT : ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
  void *data;
  must(ort->CreateTensorAsOrtValue(allocator, shape, (size_t)rank, element, &input->value), input->name);
  must(ort->GetTensorMutableData(input->value, &data), input->name);
  FILE *file = opened(folder, input->name, "rb");
  if (fread(data, is_float ? 4 : 8, count, file) != count || fgetc(file) != EOF) fail(input->name, "size differs");
  fclose(file);
  return 1;
}

/* As runtime/engines/onnx/engine.py opens it: no memory patterns, threads that do not spin. */
static OrtSession *open_graph(OrtEnv *env, const char *graph, int threads) {
  OrtSessionOptions *options;
  OrtSession *session;
  must(ort->CreateSessionOptions(&options), "options");
  must(ort->SetIntraOpNumThreads(options, threads), "threads");
  must(ort->DisableMemPattern(options), "memory pattern");
  must(ort->AddSessionConfigEntry(options, "session.intra_op.allow_spinning", "0"), "spinning");
  must(ort->CreateSession(env, graph, options, &session), graph);
  ort->ReleaseSessionOptions(options);
  return session;
}

static void write_nll(const char *folder, OrtValue *nll) {
  OrtTensorTypeAndShapeInfo *info;
  ONNXTensorElementDataType element;
  size_t count;
  void *data;
  must(ort->GetTensorTypeAndShape(nll, &info), "nll");
  must(ort->GetTensorElementType(info, &element), "nll");
  must(ort->GetTensorShapeElementCount(info, &count), "nll");
  if (element != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) fail("nll", "is not float32");
  must(ort->GetTensorMutableData(nll, &data), "nll");
  FILE *file = opened(folder, "nll", "wb");
  if (fwrite(data, 4, count, file) != count || fclose(file) != 0) fail("nll", "cannot be written");
  ort->ReleaseTensorTypeAndShapeInfo(info);
}

static int run(const char *folder, const char *graph, int threads) {
  OrtEnv *env;
  OrtAllocator *allocator;
  Input inputs[MOST_INPUTS];
  const char *names[MOST_INPUTS];
  const OrtValue *values[MOST_INPUTS];
  const char *outputs[] = {"nll"};
  OrtValue *nll = NULL;
  size_t count = 0;

  must(ort->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "golden", &env), "environment");
  must(ort->GetAllocatorWithDefaultOptions(&allocator), "allocator");
  OrtSession *session = open_graph(env, graph, threads);
  FILE *list = opened(folder, "inputs", "r");
  while (count < MOST_INPUTS && read_input(list, folder, allocator, &inputs[count])) {
    names[count] = inputs[count].name;
    values[count] = inputs[count].value;
    count++;
  }
  fclose(list);
  must(ort->Run(session, NULL, names, values, count, outputs, 1, &nll), "run");
  write_nll(folder, nll);

  ort->ReleaseValue(nll);
  for (size_t i = 0; i < count; i++) ort->ReleaseValue(inputs[i].value);
  ort->ReleaseSession(session);
  ort->ReleaseEnv(env);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: golden FOLDER GRAPH THREADS\n");
    return 2;
  }
  const OrtApiBase *base = OrtGetApiBase();
  ort = base->GetApi(ORT_API_VERSION);
  if (ort == NULL) fail(base->GetVersionString(), "is older than the header");
  printf("%s\n", base->GetVersionString());
  return run(argv[1], argv[2], atoi(argv[3]));
}
