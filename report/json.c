/* SPDX-License-Identifier: BSD-2-Clause */
/* json.c -- Writes JSON as it comes, valid whatever the strings hold. */
#include "json.h"

#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct json json_begin(FILE *out)
{
    return (struct json){.out = out};
}

void json_end(struct json *json)
{
    fputc('\n', json->out);
}

/* One member per line down to the second level, so that people and diff can read it. */
static void begin_value(struct json *json)
{
    if (json->is_value_due) {
        json->is_value_due = false;
        return;
    }
    if (json->has_members[json->depth])
        fputc(',', json->out);
    if (json->depth && json->depth <= 2)
        fprintf(json->out, "\n%*s", (int)json->depth, "");
    json->has_members[json->depth] = true;
}

static void open_level(struct json *json, char bracket)
{
    begin_value(json);
    fputc(bracket, json->out);
    if (json->depth + 1 < JSON_NESTING_MAX)
        json->depth++;
    json->has_members[json->depth] = false;
}

static void close_level(struct json *json, char bracket)
{
    bool was_empty = !json->has_members[json->depth];
    if (json->depth)
        json->depth--;
    if (json->depth < 2 && !was_empty)
        fprintf(json->out, "\n%*s", (int)json->depth, "");
    fputc(bracket, json->out);
}

void json_open_object(struct json *json)
{
    open_level(json, '{');
}

void json_close_object(struct json *json)
{
    close_level(json, '}');
}

void json_open_array(struct json *json)
{
    open_level(json, '[');
}

void json_close_array(struct json *json)
{
    close_level(json, ']');
}

static void write_character(FILE *out, const char *text, size_t length, uint32_t character)
{
    if (!length)
        fputs("\\ufffd", out);
    else if (character == '"' || character == '\\')
        fprintf(out, "\\%c", (int)character);
    else if (text_is_control(character))
        fprintf(out, "\\u%04" PRIx32, character);
    else
        fwrite(text, 1, length, out);
}

/* How much of a text needs no look at its single characters: nearly always all of it. */
static size_t plain_length(const char *text)
{
    size_t length = 0;
    while (text[length] >= ' ' && text[length] <= '~' && text[length] != '"' &&
           text[length] != '\\')
        length++;
    return length;
}

static void write_string(FILE *out, const char *text)
{
    size_t plain = plain_length(text);
    fputc('"', out);
    fwrite(text, 1, plain, out);
    text += plain;
    for (size_t size = strlen(text); size;) {
        uint32_t character = 0;
        size_t length = text_decode(text, size, &character);
        write_character(out, text, length, character);
        text += length ? length : 1;
        size -= length ? length : 1;
    }
    fputc('"', out);
}

void json_name(struct json *json, const char *name)
{
    begin_value(json);
    write_string(json->out, name);
    fputs(": ", json->out);
    json->is_value_due = true;
}

void json_string(struct json *json, const char *text)
{
    begin_value(json);
    write_string(json->out, text);
}

void json_unsigned(struct json *json, uint64_t number)
{
    begin_value(json);
    fprintf(json->out, "%" PRIu64, number);
}

void json_signed(struct json *json, int64_t number)
{
    begin_value(json);
    fprintf(json->out, "%" PRId64, number);
}

void json_real(struct json *json, double number)
{
    begin_value(json);
    if (isfinite(number))
        fprintf(json->out, "%.17g", number);
    else
        fputs("null", json->out);
}

void json_bool(struct json *json, bool value)
{
    begin_value(json);
    fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json)
{
    begin_value(json);
    fputs("null", json->out);
}

void json_member_string(struct json *json, const char *name, const char *text)
{
    json_name(json, name);
    json_string(json, text);
}

void json_member_unsigned(struct json *json, const char *name, uint64_t number)
{
    json_name(json, name);
    json_unsigned(json, number);
}

void json_member_signed(struct json *json, const char *name, int64_t number)
{
    json_name(json, name);
    json_signed(json, number);
}

void json_member_real(struct json *json, const char *name, double number)
{
    json_name(json, name);
    json_real(json, number);
}

void json_member_bool(struct json *json, const char *name, bool value)
{
    json_name(json, name);
    json_bool(json, value);
}
