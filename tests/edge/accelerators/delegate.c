/* An external delegate of TFLite with a fault of choice, for tests; options are key and value.
 *
 *   fault   none, refuse, crash, hang: on loading
 *           idle: it takes no operation
 *           wrong: it computes nonsense
 *           lost, stuck, die: from the call `after` on it reports an error, hangs, aborts
 *   after   calls that succeed before (0), since the library was told so last
 *   open    1: it takes sizes that are open, as libedgetpu's does
 *   calls   a file whose bytes count the calls of all processes instead
 *
 * It takes every QUANTIZE of uint8 to int8, whose arithmetic is a flipped bit, what a drawn compiler
 * put in its place, and every CAST of uint8 to float. It lists devices as libedgetpu does: one, "drawn-tpu".
 * The structures are those of tensorflow/lite/core/c/common.h, as far as they are used here.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, ERROR = 1, QUANTIZE = 114, CAST = 53, FLOAT = 1, UINT8 = 3, INT8 = 9, USB = 1 };

typedef struct { int size; int data[]; } IntArray;

typedef struct {
  int type;
  void *data;
  IntArray *dims;
  struct { float scale; int32_t zero_point; } params;
  int allocation_type;
  size_t bytes;
  const void *allocation;
  const char *name;
  void *delegate;
  int buffer_handle;
  bool data_is_stale, is_variable;
  struct { int type; void *params; } quantization;
  void *sparsity;
  const IntArray *dims_signature;
} Tensor;

typedef struct { IntArray *inputs, *outputs; } Node;

typedef struct Context Context;

typedef struct {
  void *(*init)(Context *, const char *, size_t);
  void (*free)(Context *, void *);
  int (*prepare)(Context *, Node *);
  int (*invoke)(Context *, Node *);
  const char *(*profiling_string)(const Context *, const Node *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *registration_external;
  void *async_kernel;
  uint64_t inplace_operator;
} Registration;

typedef struct Delegate {
  void *data;
  int (*prepare)(Context *, struct Delegate *);
  void *copy_from, *copy_to, *free_buffer;
  int64_t flags;
  void *opaque_delegate_builder;
} Delegate;

struct Context {
  size_t tensors_size;
  int (*get_execution_plan)(Context *, IntArray **);
  Tensor *tensors;
  void *impl;
  void *resize_tensor;
  void (*report_error)(Context *, const char *, ...);
  void *add_tensors;
  int (*get_node)(Context *, int, Node **, Registration **);
  int (*replace)(Context *, Registration, const IntArray *, Delegate *);
};

static char fault[16] = "none", counted[1024] = "";
static long after = 0, calls = 0, open_sizes = 0;

static long count_call(void) {
  if (!counted[0]) return ++calls;
  FILE *file = fopen(counted, "ab");
  if (!file) abort();
  fputc('.', file);
  long found = ftell(file);
  fclose(file);
  return found;
}

static int invoke(Context *context, Node *node) {
  const Tensor *in = &context->tensors[node->inputs->data[0]];
  Tensor *out = &context->tensors[node->outputs->data[0]];
  if (count_call() > after) {
    if (!strcmp(fault, "lost")) {
      context->report_error(context, "the device is gone");
      return ERROR;
    }
    if (!strcmp(fault, "stuck")) sleep(3600);
    if (!strcmp(fault, "die")) abort();
  }
  if (out->type == FLOAT) {
    for (size_t at = 0; at < in->bytes; at++)
      ((float *)out->data)[at] = strcmp(fault, "wrong") ? ((const uint8_t *)in->data)[at] : 0;
    return OK;
  }
  uint8_t flip = strcmp(fault, "wrong") ? 0x80 : 0x00;
  for (size_t at = 0; at < in->bytes; at++)
    ((uint8_t *)out->data)[at] = ((const uint8_t *)in->data)[at] ^ flip;
  return OK;
}

static int ready(Context *context, Node *node) { return OK; }

static int prepare(Context *context, Delegate *delegate) {
  IntArray *plan;
  if (context->get_execution_plan(context, &plan)) return ERROR;
  /* Each call gives a plan of its own, so this one is kept. */
  IntArray *nodes = malloc(sizeof(IntArray) + plan->size * sizeof(int));
  IntArray *taken = malloc(sizeof(IntArray) + plan->size * sizeof(int));
  memcpy(nodes, plan, sizeof(IntArray) + plan->size * sizeof(int));
  taken->size = 0;
  for (int at = 0; at < nodes->size; at++) {
    Node *node;
    Registration *found;
    if (context->get_node(context, nodes->data[at], &node, &found)) return ERROR;
    bool compiled = found->custom_name && !strcmp(found->custom_name, "edgetpu-custom-op");
    int code = found->builtin_code;
    if ((code != QUANTIZE && code != CAST && !compiled) || !strcmp(fault, "idle")) continue;
    if (context->tensors[node->inputs->data[0]].type != UINT8) continue;
    int made = context->tensors[node->outputs->data[0]].type;
    if (made != INT8 && made != FLOAT) continue;
    taken->data[taken->size++] = nodes->data[at];
  }
  Registration kernel = {0};
  kernel.prepare = ready;
  kernel.invoke = invoke;
  kernel.custom_name = "DrawnDelegate";
  kernel.version = 1;
  int status = context->replace(context, kernel, taken, delegate);
  free(nodes);
  free(taken);
  return status;
}

Delegate *tflite_plugin_create_delegate(const char *const *keys, const char *const *values,
                                        size_t count, void (*report)(const char *)) {
  calls = open_sizes = 0;
  for (size_t at = 0; at < count; at++) {
    if (!strcmp(keys[at], "fault")) snprintf(fault, sizeof fault, "%s", values[at]);
    if (!strcmp(keys[at], "calls")) snprintf(counted, sizeof counted, "%s", values[at]);
    if (!strcmp(keys[at], "after")) after = atol(values[at]);
    if (!strcmp(keys[at], "open")) open_sizes = atol(values[at]);
  }
  if (!strcmp(fault, "crash")) abort();
  if (!strcmp(fault, "hang")) sleep(3600);
  if (!strcmp(fault, "refuse")) {
    report("no device is attached");
    return NULL;
  }
  Delegate *made = calloc(1, sizeof(Delegate));
  made->prepare = prepare;
  made->flags = open_sizes;
  return made;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }

typedef struct { int type; const char *path; } Device;

Device *edgetpu_list_devices(size_t *count) {
  Device *found = calloc(1, sizeof(Device));
  found->type = USB;
  found->path = "drawn-tpu";
  *count = 1;
  return found;
}

void edgetpu_free_devices(Device *devices) { free(devices); }

const char *edgetpu_version(void) { return "Drawn 1.0"; }
