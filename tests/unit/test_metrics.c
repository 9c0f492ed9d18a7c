/* test_metrics.c -- counters, gauges and histograms, and the text that Prometheus reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/metrics.h"

static struct buf text;

static int teardown(void **state)
{
    (void)state;
    buf_free(&text);
    metrics_reset();
    return 0;
}

static const char *render(void)
{
    buf_reset(&text);
    metrics_render(&text);
    return buf_cstr(&text);
}

static void test_counters(void **state)
{
    (void)state;
    struct metric *a =
        metric_counter("sopd_x_total", "Things.", metric_labels("gateway", "qq1", NULL));
    struct metric *b =
        metric_counter("sopd_x_total", "Things.", metric_labels("gateway", "qq2", NULL));
    assert_ptr_equal(
        a, metric_counter("sopd_x_total", "Things.", metric_labels("gateway", "qq1", NULL)));
    assert_ptr_not_equal(a, b);
    metric_inc(a);
    metric_add(a, 2);
    assert_true(metric_value(a) == 3);
    metric_set(metric_gauge("sopd_g", "A gauge.", NULL), 1.5);
    const char *out = render();
    assert_non_null(strstr(out,
                           "# HELP sopd_x_total Things.\n# TYPE sopd_x_total counter\n"
                           "sopd_x_total{gateway=\"qq1\"} 3\nsopd_x_total{gateway=\"qq2\"} 0\n"));
    assert_non_null(strstr(out, "# TYPE sopd_g gauge\nsopd_g 1.5\n"));
}

static void test_large_values_are_exact(void **state)
{
    (void)state;
    struct metric *m = metric_counter("sopd_big_total", "Big.", NULL);
    metric_add(m, 9007199254740991.0);
    assert_non_null(strstr(render(), "sopd_big_total 9007199254740991\n"));
}

static void test_histograms(void **state)
{
    (void)state;
    struct metric *m = metric_histogram("sopd_t_seconds", "Times.", metric_labels("a", "b", NULL));
    metric_observe(m, 0.00005);
    metric_observe(m, 0.0001);
    metric_observe(m, 0.3);
    metric_observe(m, 1000);
    const char *out = render();
    assert_non_null(strstr(out, "# TYPE sopd_t_seconds histogram\n"));
    assert_non_null(strstr(out, "sopd_t_seconds_bucket{a=\"b\",le=\"0.0001\"} 2\n"));
    assert_non_null(strstr(out, "sopd_t_seconds_bucket{a=\"b\",le=\"0.25\"} 2\n"));
    assert_non_null(strstr(out, "sopd_t_seconds_bucket{a=\"b\",le=\"0.5\"} 3\n"));
    assert_non_null(strstr(out, "sopd_t_seconds_bucket{a=\"b\",le=\"60\"} 3\n"));
    assert_non_null(strstr(out, "sopd_t_seconds_bucket{a=\"b\",le=\"+Inf\"} 4\n"));
    assert_non_null(strstr(out, "sopd_t_seconds_count{a=\"b\"} 4\n"));
    assert_non_null(strstr(out, "sopd_t_seconds_sum{a=\"b\"} 1000.3"));
    metric_observe(metric_histogram("sopd_u_seconds", "Times.", NULL), 1);
    assert_non_null(strstr(render(), "sopd_u_seconds_bucket{le=\"1\"} 1\n"));
    assert_non_null(strstr(render(), "sopd_u_seconds_count 1\n"));
}

static void test_labels_are_escaped(void **state)
{
    (void)state;
    metric_counter("sopd_l_total", "Labels.", metric_labels("name", "a\"b\\c\nd", "n", "2", NULL));
    assert_non_null(strstr(render(), "sopd_l_total{name=\"a\\\"b\\\\c\\nd\",n=\"2\"} 0\n"));
}

static void on_render(void *ud)
{
    metric_set(metric_gauge("sopd_now", "Set when asked.", NULL), ++*(int *)ud);
}

static void test_hooks(void **state)
{
    (void)state;
    int asked = 0;
    metrics_on_render(on_render, &asked);
    assert_non_null(strstr(render(), "sopd_now 1\n"));
    assert_non_null(strstr(render(), "sopd_now 2\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_counters, teardown),
        cmocka_unit_test_teardown(test_large_values_are_exact, teardown),
        cmocka_unit_test_teardown(test_histograms, teardown),
        cmocka_unit_test_teardown(test_labels_are_escaped, teardown),
        cmocka_unit_test_teardown(test_hooks, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
