/* What the other servers do, with libuv: ./server echo|count|tick
 *
 * The quick way to use libuv: one read buffer for all connections, and uv_try_write before
 * uv_write, so that a message takes no allocation and no epoll_ctl. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { READ_BUFFER = 65792, BACKLOG = 511 };

typedef struct {
    uv_tcp_t tcp;
    uint64_t counted;
} connection_t;

/* The bytes that did not go at once follow it. */
typedef struct {
    uv_write_t request;
    char bytes[];
} rest_t;

static char buffer[READ_BUFFER];
static uv_read_cb on_read;

static void check(int status, const char *what) {
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
        exit(1);
    }
}

static void on_close(uv_handle_t *handle) {
    free(handle);
}

static void close_stream(uv_stream_t *stream) {
    if (!uv_is_closing((uv_handle_t *)stream))
        uv_close((uv_handle_t *)stream, on_close);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(buffer, sizeof buffer);
}

static void on_written(uv_write_t *request, int status) {
    uv_stream_t *stream = request->handle;
    free(request);
    if (status < 0)
        close_stream(stream);
    else if (!uv_is_closing((uv_handle_t *)stream))
        uv_read_start(stream, on_alloc, on_read);
}

/* Not read again before it is written: a peer that never reads must not fill the memory. */
static void write_rest(uv_stream_t *stream, const char *bytes, size_t length) {
    rest_t *rest = malloc(sizeof *rest + length);
    if (rest == NULL)
        abort();
    memcpy(rest->bytes, bytes, length);
    uv_buf_t buf = uv_buf_init(rest->bytes, (unsigned)length);
    uv_read_stop(stream);
    if (uv_write(&rest->request, stream, &buf, 1, on_written) < 0) {
        free(rest);
        close_stream(stream);
    }
}

static void on_echo(uv_stream_t *stream, ssize_t length, const uv_buf_t *buf) {
    if (length < 0) {
        close_stream(stream);
        return;
    }
    uv_buf_t all = uv_buf_init(buf->base, (unsigned)length);
    int sent = length > 0 ? uv_try_write(stream, &all, 1) : 0;
    if (sent == UV_EAGAIN)
        sent = 0;
    if (sent < 0)
        close_stream(stream);
    else if (sent < length)
        write_rest(stream, buf->base + sent, (size_t)(length - sent));
}

static void on_count(uv_stream_t *stream, ssize_t length, const uv_buf_t *buf) {
    connection_t *connection = (connection_t *)stream;
    (void)buf;
    if (length >= 0) {
        connection->counted += (uint64_t)length;
        return;
    }
    unsigned char sum[8];
    for (int at = 0; at < 8; at++)
        sum[at] = (unsigned char)(connection->counted >> (8 * at));
    uv_buf_t all = uv_buf_init((char *)sum, sizeof sum);
    uv_try_write(stream, &all, 1);
    close_stream(stream);
}

static void on_connection(uv_stream_t *listener, int status) {
    if (status < 0)
        return;
    connection_t *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        abort();
    uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
    check(uv_tcp_init(listener->loop, &connection->tcp), "uv_tcp_init");
    if (uv_accept(listener, stream) < 0)
        close_stream(stream);
    else
        check(uv_read_start(stream, on_alloc, on_read), "uv_read_start");
}

static void on_tick(uv_timer_t *timer) {
    (void)timer;
}

static void listen_and_tell(uv_loop_t *loop, uv_tcp_t *listener) {
    struct sockaddr_in address;
    int length = sizeof address;
    check(uv_ip4_addr("127.0.0.1", 0, &address), "uv_ip4_addr");
    check(uv_tcp_init(loop, listener), "uv_tcp_init");
    check(uv_tcp_bind(listener, (struct sockaddr *)&address, 0), "uv_tcp_bind");
    check(uv_listen((uv_stream_t *)listener, BACKLOG, on_connection), "uv_listen");
    check(uv_tcp_getsockname(listener, (struct sockaddr *)&address, &length), "getsockname");
    printf("127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
}

int main(int count, char **arguments) {
    const char *service = count > 1 ? arguments[1] : "echo";
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    uv_timer_t timer;
    on_read = strcmp(service, "count") == 0 ? on_count : on_echo;
    listen_and_tell(loop, &listener);
    if (strcmp(service, "tick") == 0) {
        check(uv_timer_init(loop, &timer), "uv_timer_init");
        check(uv_timer_start(&timer, on_tick, 1000, 1000), "uv_timer_start");
    }
    return uv_run(loop, UV_RUN_DEFAULT);
}
