/* What the other contenders do, with libuv: ./files OPERATION PATH COUNT
 *
 * Prints milliseconds of time, and of processor time. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

enum { SMALL = 4096, PIECE = 64 * 1024, AT_ONCE = 64 };

/* A file on its way: each step is a request of its own. */
typedef struct {
    uv_fs_t request;
    uv_file file;
    char *bytes;
    size_t length;
} reader_t;

static uv_loop_t *loop;
static const char *where;
static size_t left, done;

static void check(ssize_t status, const char *what) {
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", what, uv_strerror((int)status));
        exit(1);
    }
}

static double milliseconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

/* Returns the result, and makes the request ready for the next step. */
static ssize_t result(uv_fs_t *request, const char *what) {
    ssize_t result = request->result;
    check(result, what);
    uv_fs_req_cleanup(request);
    return result;
}

/* Small files */

static void read_next(reader_t *reader);

static void on_close(uv_fs_t *request) {
    reader_t *reader = (reader_t *)request;
    result(request, "close");
    free(reader->bytes);
    done++;
    read_next(reader);
}

static void on_read(uv_fs_t *request) {
    reader_t *reader = (reader_t *)request;
    if (result(request, "read") != SMALL)
        abort();
    check(uv_fs_close(loop, request, reader->file, on_close), "close");
}

static void on_stat(uv_fs_t *request) {
    reader_t *reader = (reader_t *)request;
    reader->length = request->statbuf.st_size;
    result(request, "stat");
    reader->bytes = malloc(reader->length);
    uv_buf_t buf = uv_buf_init(reader->bytes, reader->length);
    check(uv_fs_read(loop, request, reader->file, &buf, 1, -1, on_read), "read");
}

static void on_open(uv_fs_t *request) {
    reader_t *reader = (reader_t *)request;
    reader->file = (uv_file)result(request, "open");
    check(uv_fs_fstat(loop, request, reader->file, on_stat), "stat");
}

static void read_next(reader_t *reader) {
    char path[4096];
    if (left == 0)
        return;
    left--;
    snprintf(path, sizeof path, "%s/%zu", where, left);
    check(uv_fs_open(loop, &reader->request, path, O_RDONLY, 0, on_open), "open");
}

static void look_at_next(reader_t *reader);

static void on_look(uv_fs_t *request) {
    if (request->statbuf.st_size != SMALL)
        abort();
    result(request, "stat");
    done++;
    look_at_next((reader_t *)request);
}

static void look_at_next(reader_t *reader) {
    char path[4096];
    if (left == 0)
        return;
    left--;
    snprintf(path, sizeof path, "%s/%zu", where, left);
    check(uv_fs_stat(loop, &reader->request, path, on_look), "stat");
}

static void many(size_t count, size_t at_once, void (*next)(reader_t *)) {
    static reader_t readers[AT_ONCE];
    left = count;
    done = 0;
    for (size_t number = 0; number < at_once; number++)
        next(&readers[number]);
    uv_run(loop, UV_RUN_DEFAULT);
    if (done != count)
        abort();
}

/* A large file */

static char piece[PIECE];
static uv_fs_t streaming;
static uv_file large;

static void on_piece(uv_fs_t *request);

static void read_piece(void) {
    uv_buf_t buf = uv_buf_init(piece, left < PIECE ? left : PIECE);
    check(uv_fs_read(loop, &streaming, large, &buf, 1, -1, on_piece), "read");
}

static void on_piece(uv_fs_t *request) {
    ssize_t length = result(request, "read");
    if (length == 0)
        abort();
    left -= length;
    if (left > 0)
        read_piece();
}

static void stream(size_t count) {
    large = uv_fs_open(loop, &streaming, where, O_RDONLY, 0, NULL);
    result(&streaming, "open");
    left = count;
    read_piece();
    uv_run(loop, UV_RUN_DEFAULT);
    uv_fs_close(loop, &streaming, large, NULL);
    result(&streaming, "close");
}

static void operate(const char *name, size_t count) {
    if (strcmp(name, "one") == 0)
        many(count, 1, read_next);
    else if (strcmp(name, "64") == 0)
        many(count, AT_ONCE, read_next);
    else if (strcmp(name, "stat-one") == 0)
        many(count, 1, look_at_next);
    else if (strcmp(name, "stat-64") == 0)
        many(count, AT_ONCE, look_at_next);
    else if (strcmp(name, "stream") == 0)
        stream(count);
    else
        exit(2);
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    loop = uv_default_loop();
    where = argv[2];
    size_t count = strtoul(argv[3], NULL, 10);
    /* Memory is fetched and threads are started the first time. */
    operate(argv[1], count / 10);
    double time = milliseconds(CLOCK_MONOTONIC), cpu = milliseconds(CLOCK_PROCESS_CPUTIME_ID);
    operate(argv[1], count);
    time = milliseconds(CLOCK_MONOTONIC) - time;
    cpu = milliseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%f %f\n", time, cpu);
    return 0;
}
