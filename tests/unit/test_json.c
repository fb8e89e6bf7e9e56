/* SPDX-License-Identifier: BSD-2-Clause */
/* test_json.c -- JSON is valid whatever the strings hold. */
#include "json.h"
#include "tap.h"

#include <stdlib.h>

/* The string without the whitespace between members. */
static char *compact(char *text)
{
    char *to = text;
    bool is_string = false;
    for (const char *from = text; *from; from++) {
        if (*from == '"' && (from == text || from[-1] != '\\'))
            is_string = !is_string;
        if (is_string || (*from != ' ' && *from != '\n'))
            *to++ = *from;
    }
    *to = 0;
    return text;
}

static void test_strings(void)
{
    static const struct {
        const char *text, *json, *name;
    } goldens[] = {
        {"plain", "\"plain\"", "plain"},
        {"a\"b\\c", "\"a\\\"b\\\\c\"", "quote and backslash"},
        {"\033\n", "\"\\u001b\\u000a\"", "control characters"},
        {"\xff", "\"\\ufffd\"", "not UTF-8"},
        {"\xc3\xa4", "\"\xc3\xa4\"", "UTF-8"},
        {"\xc2\x85\x7f", "\"\\u0085\\u007f\"", "C1 and delete"},
        {"</script>", "\"</script>\"", "markup is nothing special"},
    };
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        struct json json = json_begin(out);
        json_string(&json, goldens[i].text);
        fclose(out);
        tap_text(text, goldens[i].json, goldens[i].name);
        free(text);
    }
}

static void test_nesting(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct json json = json_begin(out);
    json_open_object(&json);
    json_member_unsigned(&json, "a", UINT64_MAX);
    json_name(&json, "b");
    json_open_array(&json);
    json_signed(&json, INT64_MIN);
    json_bool(&json, true);
    json_open_object(&json);
    json_member_string(&json, "c", "d");
    json_close_object(&json);
    json_open_array(&json);
    json_close_array(&json);
    json_close_array(&json);
    json_member_bool(&json, "e", false);
    json_close_object(&json);
    json_end(&json);
    fclose(out);
    tap_text(compact(text),
             "{\"a\":18446744073709551615,\"b\":[-9223372036854775808,true,{\"c\":\"d\"},[]],"
             "\"e\":false}",
             "nested values and commas");
    free(text);
}

int main(void)
{
    test_strings();
    test_nesting();
    return tap_end();
}
