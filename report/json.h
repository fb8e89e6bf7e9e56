/* SPDX-License-Identifier: BSD-2-Clause */
/* json.h -- Writes JSON as it comes, valid whatever the strings hold. */
#ifndef MEMTRACE_JSON_H
#define MEMTRACE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    JSON_NESTING_MAX = 16
};

struct json {
    FILE *out;
    unsigned depth;
    bool has_members[JSON_NESTING_MAX]; /* per level: the next one needs a comma */
    bool is_value_due;                  /* a name was written */
};

struct json json_begin(FILE *out);
void json_end(struct json *json); /* ends the text with a newline */

void json_open_object(struct json *json);
void json_close_object(struct json *json);
void json_open_array(struct json *json);
void json_close_array(struct json *json);

/* The name of the member that comes next. */
void json_name(struct json *json, const char *name);

/* Bytes that are not UTF-8 become U+FFFD. */
void json_string(struct json *json, const char *text);
void json_unsigned(struct json *json, uint64_t number);
void json_signed(struct json *json, int64_t number);
void json_real(struct json *json, double number); /* null if it is none */
void json_bool(struct json *json, bool value);
void json_null(struct json *json);

void json_member_string(struct json *json, const char *name, const char *text);
void json_member_unsigned(struct json *json, const char *name, uint64_t number);
void json_member_signed(struct json *json, const char *name, int64_t number);
void json_member_real(struct json *json, const char *name, double number);
void json_member_bool(struct json *json, const char *name, bool value);

#endif
