/* What the other contenders do, with libuv: ./micro OPERATION COUNT
 *
 * Prints nanoseconds of processor time for each operation. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <uv.h>

enum { BATCH = 1000, REFRESHED = 10000, DELAYS = 10, MANY_DELAYS = 10000, MILLION = 1000000, AT_ONCE = 64 };

static uv_loop_t *loop;
static double begun, ended;
static size_t wanted, called, submitted;

static void check(int status, const char *what) {
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
        exit(1);
    }
}

static double processor_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

static void start_clock(size_t count) {
    wanted = count;
    called = submitted = 0;
    begun = processor_time();
}

/* Returns whether it was the last. */
static int call(void) {
    if (++called < wanted)
        return 0;
    ended = processor_time();
    return 1;
}

static void on_close(uv_handle_t *handle) {
    (void)handle;
}

static void close_handle(void *handle) {
    uv_close(handle, on_close);
}

/* Turns */

static uv_idle_t idle;

static void on_idle(uv_idle_t *handle) {
    (void)handle;
}

static void on_check(uv_check_t *handle) {
    if (call()) {
        close_handle(&idle);
        close_handle(handle);
    }
}

/* An idle handle keeps the poll from sleeping, as Node does it for setImmediate. */
static void check_handle(size_t count) {
    static uv_check_t handle;
    check(uv_idle_init(loop, &idle), "idle");
    check(uv_check_init(loop, &handle), "check");
    check(uv_idle_start(&idle, on_idle), "idle");
    check(uv_check_start(&handle, on_check), "check");
    start_clock(count);
    uv_run(loop, UV_RUN_DEFAULT);
}

static void on_async(uv_async_t *handle) {
    (void)handle;
}

/* The handle is there so that the loop is alive and polls. */
static void turn(size_t count) {
    static uv_async_t handle;
    check(uv_async_init(loop, &handle, on_async), "async");
    start_clock(count);
    for (size_t number = 0; number < count; number++) {
        uv_run(loop, UV_RUN_NOWAIT);
        call();
    }
    close_handle(&handle);
    uv_run(loop, UV_RUN_DEFAULT);
}

/* Timers */

static uint64_t soon(size_t number) {
    return 1 + number % DELAYS;
}

static uint64_t late(size_t number) {
    return (1000 + number % DELAYS) * 1000;
}

static uint64_t late_and_various(size_t number) {
    return 1000000 + number * 7919 % MANY_DELAYS;
}

static void on_never(uv_timer_t *timer) {
    (void)timer;
    abort();
}

static void on_timer(uv_timer_t *timer) {
    (void)timer;
    if (call())
        uv_stop(loop);
}

static uv_timer_t *timers(size_t count) {
    uv_timer_t *all = calloc(count + 1, sizeof *all);
    if (all == NULL)
        abort();
    return all;
}

static void start(uv_timer_t *timer, uv_timer_cb callback, uint64_t delay) {
    uv_timer_init(loop, timer);
    uv_timer_start(timer, callback, delay, 0);
}

/* Left as they are: the process ends soon. */
static void start_waiting(size_t count) {
    uv_timer_t *all = timers(count);
    for (size_t number = 0; number < count; number++)
        start(&all[number], on_never, late(number));
}

static void fire(size_t count) {
    uv_timer_t *all = timers(count);
    start_clock(count);
    uv_update_time(loop);
    for (size_t number = 0; number < count; number++)
        start(&all[number], on_timer, soon(number));
    uv_run(loop, UV_RUN_DEFAULT);
}

static void clear(size_t count, size_t batch, uint64_t (*delay)(size_t)) {
    uv_timer_t *all = timers(batch);
    start_clock(count);
    for (size_t done = 0; done < count; done += batch) {
        for (size_t number = 0; number < batch; number++)
            start(&all[number], on_never, delay(number));
        for (size_t number = 0; number < batch; number++) {
            uv_timer_stop(&all[number]);
            call();
        }
    }
}

static void refresh(size_t count) {
    uv_timer_t *all = timers(REFRESHED);
    for (size_t number = 0; number < REFRESHED; number++)
        start(&all[number], on_never, late(0));
    start_clock(count);
    for (size_t number = 0; number < count; number++) {
        uv_timer_start(&all[number % REFRESHED], on_never, late(0), 0);
        call();
    }
    for (size_t number = 0; number < REFRESHED; number++)
        uv_timer_stop(&all[number]);
}

/* Another thread, which answers by waking the loop */

static uv_sem_t asked;
static uv_async_t answer;
static int over;

static void answering(void *nothing) {
    (void)nothing;
    for (;;) {
        uv_sem_wait(&asked);
        if (over)
            return;
        uv_async_send(&answer);
    }
}

static void on_answer(uv_async_t *handle) {
    if (call()) {
        over = 1;
        close_handle(handle);
    }
    uv_sem_post(&asked);
}

static void post(size_t count) {
    uv_thread_t thread;
    over = 0;
    check(uv_sem_init(&asked, 0), "semaphore");
    check(uv_async_init(loop, &answer, on_answer), "async");
    check(uv_thread_create(&thread, answering, NULL), "thread");
    start_clock(count);
    uv_sem_post(&asked);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_thread_join(&thread);
    uv_sem_destroy(&asked);
}

/* The pool */

static void on_work(uv_work_t *request) {
    (void)request;
}

static void on_done(uv_work_t *request, int status) {
    check(status, "work");
    call();
    if (submitted < wanted) {
        submitted++;
        check(uv_queue_work(loop, request, on_work, on_done), "queue work");
    }
}

static void jobs(size_t count, size_t at_once) {
    static uv_work_t requests[AT_ONCE];
    start_clock(count);
    for (size_t number = 0; number < at_once && submitted < count; number++) {
        submitted++;
        check(uv_queue_work(loop, &requests[number], on_work, on_done), "queue work");
    }
    uv_run(loop, UV_RUN_DEFAULT);
}

static void on_stat(uv_fs_t *request) {
    check((int)request->result, "stat");
    if (!S_ISDIR(request->statbuf.st_mode))
        abort();
    uv_fs_req_cleanup(request);
    if (!call())
        check(uv_fs_stat(loop, request, ".", on_stat), "stat");
}

static void stat_again(size_t count) {
    static uv_fs_t request;
    start_clock(count);
    check(uv_fs_stat(loop, &request, ".", on_stat), "stat");
    uv_run(loop, UV_RUN_DEFAULT);
}

static int measure(const char *name, size_t count) {
    if (strcmp(name, "check") == 0)
        check_handle(count);
    else if (strcmp(name, "turn") == 0)
        turn(count);
    else if (strncmp(name, "fire", 4) == 0)
        fire(count);
    else if (strcmp(name, "clear") == 0)
        clear(count, count, late);
    else if (strcmp(name, "clear various") == 0)
        clear(count, count, late_and_various);
    else if (strncmp(name, "clear batches", 13) == 0)
        clear(count, BATCH, late);
    else if (strcmp(name, "refresh") == 0)
        refresh(count);
    else if (strcmp(name, "post") == 0)
        post(count);
    else if (strcmp(name, "jobs") == 0)
        jobs(count, 1);
    else if (strcmp(name, "64 jobs") == 0)
        jobs(count, AT_ONCE);
    else if (strcmp(name, "stat") == 0)
        stat_again(count);
    else
        return 0;
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    const char *name = argv[1];
    size_t count = strtoul(argv[2], NULL, 10);
    size_t some = count / 10 < BATCH ? BATCH : count / 10;
    loop = uv_default_loop();
    if (strstr(name, "among a million"))
        start_waiting(MILLION);
    /* Memory is fetched and threads are started the first time. */
    if (!measure(name, some) || !measure(name, count))
        return 2;
    printf("%f\n", (ended - begun) / count);
    return 0;
}
