/* SPDX-License-Identifier: BSD-2-Clause */
/* redis_sessions.c -- A module for redis-server that keeps sessions, and forgets a little of them.
 *
 *     SESSIONS.LOGIN NAME      every login replaces the session that was in its slot
 *     SESSIONS.LEAKED          the bytes that were lost so far
 *
 * tests/leak_hunt.py finds the lines by their tags. What it needs of the server's interface is
 * declared here: a module asks for every function by its name. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    API_VERSION = 1,
    SLOTS = 2000,
    HISTORY = 1000,
    FORGET_EACH = 4
};

struct session {
    char *name;
    char *token;
};

static struct session sessions[SLOTS];
static char *history[HISTORY];
static unsigned long logins;
static long long leaked_bytes;

static int (*create_command)(void *context, const char *name, void *function, const char *flags,
                             int first_key, int last_key, int step);
static const char *(*string_of)(const void *text, size_t *length);
static int (*reply_number)(void *context, long long number);
static int (*wrong_arity)(void *context);
static void (*set_attributes)(void *context, const char *name, int version, int api_version);

static unsigned slot_of(const char *name, size_t length)
{
    unsigned hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return hash % SLOTS;
}

/* The last so many logins: fills up, and then stays as it is. */
static void remember(const char *name)
{
    char **entry = &history[logins % HISTORY];
    free(*entry);
    *entry = malloc(120); /* @history */
    snprintf(*entry, 120, "%lu %s", logins, name);
}

static void close_session(struct session *session)
{
    free(session->name);
    if (logins % FORGET_EACH != 0)
        free(session->token);
    else if (session->token)
        leaked_bytes += 40;
    *session = (struct session){0};
}

static void open_session(struct session *session, const char *name, size_t length)
{
    session->name = malloc(length + 100); /* @name */
    memcpy(session->name, name, length);
    session->name[length] = 0;
    session->token = malloc(40); /* @leak */
    snprintf(session->token, 40, "%016lx", logins);
}

static int login(void *context, void **arguments, int count)
{
    if (count != 2)
        return wrong_arity(context);
    size_t length;
    const char *name = string_of(arguments[1], &length);
    struct session *session = &sessions[slot_of(name, length)];
    char *request = malloc(1000); /* @request */
    logins++;
    close_session(session);
    open_session(session, name, length);
    remember(session->name);
    free(request);
    return reply_number(context, (long long)logins);
}

static int leaked(void *context, void **arguments, int count)
{
    (void)arguments;
    return count == 1 ? reply_number(context, leaked_bytes) : wrong_arity(context);
}

/* The first word of a context is the function that gives all others. */
static bool find_functions(void *context)
{
    int (*find)(const char *, void *);
    memcpy(&find, context, sizeof find);
    return !find("RedisModule_CreateCommand", &create_command) &&
           !find("RedisModule_StringPtrLen", &string_of) &&
           !find("RedisModule_ReplyWithLongLong", &reply_number) &&
           !find("RedisModule_WrongArity", &wrong_arity) &&
           !find("RedisModule_SetModuleAttribs", &set_attributes);
}

int RedisModule_OnLoad(void *context);
int RedisModule_OnLoad(void *context)
{
    if (!find_functions(context))
        return 1;
    set_attributes(context, "sessions", 1, API_VERSION);
    return create_command(context, "sessions.login", login, "write fast", 0, 0, 0) ||
           create_command(context, "sessions.leaked", leaked, "readonly fast", 0, 0, 0);
}
