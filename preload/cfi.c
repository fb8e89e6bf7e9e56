/* SPDX-License-Identifier: BSD-2-Clause */
/* cfi.c -- How to find the caller of a code address: .eh_frame, compiled to a rule of one word.
 *
 * Runs once per code address, inside malloc. Every read is checked against the object's mapping.
 * Only what unwinding by (pc, sp, fp) needs is followed: the CFA, the return address, the saved
 * frame pointer. Whatever does not fit the rule is RULE_UNKNOWN; the stack is cut there and
 * counted. */
#include "cfi.h"

#include "loader.h"
#include "sys.h"
#include "unwind_arch.h"

enum {
    PE_OMIT = 0xff,
    PE_INDIRECT = 0x80,
    PE_ABSPTR = 0x00,
    PE_ULEB128 = 0x01,
    PE_UDATA2 = 0x02,
    PE_UDATA4 = 0x03,
    PE_UDATA8 = 0x04,
    PE_SLEB128 = 0x09,
    PE_SDATA2 = 0x0a,
    PE_SDATA4 = 0x0b,
    PE_SDATA8 = 0x0c,
    PE_PCREL = 0x10,
    PE_DATAREL = 0x30,
    HDR_TABLE_ENCODING = PE_DATAREL | PE_SDATA4
};

enum {
    REMEMBERED_MAX = 8,
    EXPRESSION_STACK = 8
};

/* A place in the object's memory; is_bad once anything was out of bounds. */
struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool is_bad;
};

/* --- reading numbers --- */

static uint64_t read_bytes(struct reader *in, unsigned size_bytes)
{
    uint64_t value = 0;
    if ((uint64_t)(in->end - in->at) < size_bytes) {
        in->is_bad = true;
        in->at = in->end;
        return 0;
    }
    for (unsigned i = 0; i < size_bytes; i++)
        value |= (uint64_t)in->at[i] << (8 * i);
    in->at += size_bytes;
    return value;
}

static inline uint64_t read_byte(struct reader *in)
{
    if (likely(in->at < in->end))
        return *in->at++;
    in->is_bad = true;
    return 0;
}

static __attribute__((noinline)) uint64_t read_long_uleb(struct reader *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = read_byte(in);
        value |= (byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    in->is_bad = true;
    return 0;
}

/* Nearly all are of one byte. */
static inline uint64_t read_uleb(struct reader *in)
{
    return likely(in->at < in->end && *in->at < 0x80) ? *in->at++ : read_long_uleb(in);
}

static int64_t read_sleb(struct reader *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64;) {
        uint64_t byte = read_bytes(in, 1);
        value |= (byte & 0x7f) << shift;
        shift += 7;
        if (byte & 0x80)
            continue;
        if (byte & 0x40 && shift < 64)
            value |= ~(uint64_t)0 << shift;
        return (int64_t)value;
    }
    in->is_bad = true;
    return 0;
}

static uint64_t sign_extend(uint64_t value, unsigned bits)
{
    return (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits));
}

static uint64_t read_format(struct reader *in, unsigned format)
{
    switch (format) {
    case PE_ABSPTR:
    case PE_UDATA8:
    case PE_SDATA8:
        return read_bytes(in, 8);
    case PE_UDATA2:
        return read_bytes(in, 2);
    case PE_SDATA2:
        return sign_extend(read_bytes(in, 2), 16);
    case PE_UDATA4:
        return read_bytes(in, 4);
    case PE_SDATA4:
        return sign_extend(read_bytes(in, 4), 32);
    case PE_ULEB128:
        return read_uleb(in);
    case PE_SLEB128:
        return (uint64_t)read_sleb(in);
    default:
        in->is_bad = true;
        return 0;
    }
}

/* An encoded pointer; data_base is the start of .eh_frame_hdr. Indirect ones (personality
 * routines only) are not followed. */
static uint64_t read_encoded(struct reader *in, unsigned encoding, uint64_t data_base)
{
    uint64_t place = (uint64_t)in->at;
    if (encoding == PE_OMIT)
        return 0;
    uint64_t value = read_format(in, encoding & 0x0f);
    if ((encoding & 0x70) == PE_PCREL)
        value += place;
    else if ((encoding & 0x70) == PE_DATAREL)
        value += data_base;
    else if (encoding & 0x70)
        in->is_bad = true;
    return value;
}

/* --- finding the FDE --- */

static struct reader reader_at(const struct loaded_object *object, uint64_t address)
{
    bool is_inside = address >= object->tables_start && address < object->tables_end;
    return (struct reader){.at = (const uint8_t *)(is_inside ? address : object->tables_end),
                           .end = (const uint8_t *)object->tables_end,
                           .is_bad = !is_inside};
}

/* Binary search in the table of .eh_frame_hdr; 0 when it has none in the usual encoding. */
static uint64_t find_fde(const struct loaded_object *object, uint64_t address)
{
    uint64_t base = (uint64_t)object->eh_frame_hdr;
    struct reader in = reader_at(object, base);
    unsigned version = (unsigned)read_bytes(&in, 1);
    unsigned frame_encoding = (unsigned)read_bytes(&in, 1);
    unsigned count_encoding = (unsigned)read_bytes(&in, 1);
    unsigned table_encoding = (unsigned)read_bytes(&in, 1);
    read_encoded(&in, frame_encoding, base);
    uint64_t count = read_encoded(&in, count_encoding, base);
    if (in.is_bad || version != 1 || table_encoding != HDR_TABLE_ENCODING || !count ||
        count > (uint64_t)(in.end - in.at) / 8)
        return 0;
    const int32_t(*table)[2] = (const void *)in.at;
    uint64_t low = 0;
    uint64_t high = count;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (base + (uint64_t)(int64_t)table[middle][0] <= address)
            low = middle;
        else
            high = middle;
    }
    return base + (uint64_t)(int64_t)table[low][1];
}

struct cie {
    uint64_t code_align;
    int64_t data_align;
    uint64_t return_register;
    unsigned pointer_encoding;
    bool has_augmentation;
    bool is_signal_frame;
    struct reader program;
};

/* Reads the length field and returns a reader of the entry's body. */
static struct reader entry_body(const struct loaded_object *object, uint64_t address)
{
    struct reader in = reader_at(object, address);
    uint64_t length = read_bytes(&in, 4);
    if (length == 0xffffffff)
        length = read_bytes(&in, 8);
    if (length == 0 || length > (uint64_t)(in.end - in.at))
        in.is_bad = true;
    else
        in.end = in.at + length;
    return in;
}

static void read_augmentation(struct reader *in, const uint8_t *letters, struct cie *cie)
{
    uint64_t size_bytes = read_uleb(in);
    if (size_bytes > (uint64_t)(in->end - in->at)) {
        in->is_bad = true;
        return;
    }
    struct reader data = {.at = in->at, .end = in->at + size_bytes};
    in->at += size_bytes;
    for (letters++; *letters; letters++) {
        if (*letters == 'R')
            cie->pointer_encoding = (unsigned)read_bytes(&data, 1);
        else if (*letters == 'P')
            read_format(&data, (unsigned)read_bytes(&data, 1) & 0x0f);
        else if (*letters == 'L')
            read_bytes(&data, 1);
        else if (*letters == 'S')
            cie->is_signal_frame = true;
        else if (*letters != 'B' && *letters != 'G')
            break;
    }
    in->is_bad |= data.is_bad;
}

static bool read_cie(const struct loaded_object *object, uint64_t address, struct cie *cie)
{
    struct reader in = entry_body(object, address);
    uint64_t id = read_bytes(&in, 4);
    uint64_t version = read_bytes(&in, 1);
    const uint8_t *letters = in.at;
    while (!in.is_bad && read_bytes(&in, 1) != 0)
        ;
    if (in.is_bad || id != 0 || (version != 1 && version != 3))
        return false;
    *cie = (struct cie){.pointer_encoding = PE_ABSPTR};
    cie->code_align = read_uleb(&in);
    cie->data_align = read_sleb(&in);
    cie->return_register = version == 1 ? read_bytes(&in, 1) : read_uleb(&in);
    cie->has_augmentation = letters[0] == 'z';
    if (cie->has_augmentation)
        read_augmentation(&in, letters, cie);
    else if (letters[0])
        return false;
    cie->program = in;
    return !in.is_bad;
}

struct fde {
    struct cie cie;
    uint64_t start;
    struct reader program;
};

static bool read_fde(const struct loaded_object *object, uint64_t address, uint64_t pc,
                     struct fde *fde)
{
    struct reader in = entry_body(object, address);
    uint64_t place = (uint64_t)in.at;
    uint64_t cie_offset = read_bytes(&in, 4);
    if (in.is_bad || !cie_offset || !read_cie(object, place - cie_offset, &fde->cie))
        return false;
    fde->start = read_encoded(&in, fde->cie.pointer_encoding, 0);
    uint64_t size_bytes = read_format(&in, fde->cie.pointer_encoding & 0x0f);
    if (fde->cie.has_augmentation) {
        uint64_t skip = read_uleb(&in);
        if (skip > (uint64_t)(in.end - in.at))
            return false;
        in.at += skip;
    }
    fde->program = in;
    return !in.is_bad && pc >= fde->start && pc - fde->start < size_bytes;
}

/* --- the register rules of one row --- */

enum where {
    WHERE_SAME, /* in the register itself */
    WHERE_CFA,  /* at CFA + offset */
    WHERE_FP,   /* at fp + offset */
    WHERE_UNDEFINED,
    WHERE_UNKNOWN
};

struct saved {
    enum where where;
    int64_t offset;
};

/* base + offset, possibly dereferenced and offset again; base 0 is a plain number. */
struct term {
    enum {
        BASE_NUMBER,
        BASE_SP,
        BASE_FP,
        BASE_OTHER
    } base;
    bool is_deref;
    int64_t offset; /* added to the base */
    int64_t after;  /* added to what was loaded */
};

struct row {
    struct term cfa;
    struct saved fp;
    struct saved ra;
};

static struct term register_term(uint64_t number, int64_t offset)
{
    struct term term = {.offset = offset};
    term.base = number == ARCH_REGISTER_SP   ? BASE_SP
                : number == ARCH_REGISTER_FP ? BASE_FP
                                             : BASE_OTHER;
    return term;
}

/* --- DWARF expressions, as far as they come down to one term --- */

enum {
    OP_DEREF = 0x06,
    OP_CONST1U = 0x08,
    OP_CONST1S = 0x09,
    OP_CONST2U = 0x0a,
    OP_CONST2S = 0x0b,
    OP_CONST4U = 0x0c,
    OP_CONST4S = 0x0d,
    OP_CONSTU = 0x10,
    OP_CONSTS = 0x11,
    OP_AND = 0x1a,
    OP_MINUS = 0x1c,
    OP_PLUS = 0x22,
    OP_PLUS_UCONST = 0x23,
    OP_SHL = 0x24,
    OP_GE = 0x2a,
    OP_LIT0 = 0x30,
    OP_LIT31 = 0x4f,
    OP_BREG0 = 0x70,
    OP_BREG31 = 0x8f,
    OP_BREGX = 0x92
};

struct evaluation {
    struct term stack[EXPRESSION_STACK];
    unsigned depth;
    bool is_bad;
    uint64_t pc;
};

static void push(struct evaluation *eval, struct term term)
{
    if (eval->depth == EXPRESSION_STACK)
        eval->is_bad = true;
    else
        eval->stack[eval->depth++] = term;
}

static struct term pop(struct evaluation *eval)
{
    if (!eval->depth) {
        eval->is_bad = true;
        return (struct term){0};
    }
    return eval->stack[--eval->depth];
}

static void push_number(struct evaluation *eval, int64_t number)
{
    push(eval, (struct term){.offset = number});
}

/* The PC is known when a rule is compiled: that is how PLT expressions become plain rules. */
static void push_register(struct evaluation *eval, uint64_t number, int64_t offset)
{
    if (number == ARCH_REGISTER_PC)
        push_number(eval, (int64_t)eval->pc + offset);
    else
        push(eval, register_term(number, offset));
}

static void push_deref(struct evaluation *eval)
{
    struct term term = pop(eval);
    if (term.is_deref || term.base == BASE_NUMBER)
        eval->is_bad = true;
    term.is_deref = true;
    push(eval, term);
}

static void push_sum(struct evaluation *eval, struct term a, struct term b)
{
    if (a.base == BASE_NUMBER) {
        struct term swap = a;
        a = b;
        b = swap;
    }
    if (b.base != BASE_NUMBER)
        eval->is_bad = true;
    *(a.is_deref ? &a.after : &a.offset) += b.offset;
    push(eval, a);
}

static void push_binary(struct evaluation *eval, unsigned op)
{
    struct term b = pop(eval);
    struct term a = pop(eval);
    if (op == OP_PLUS) {
        push_sum(eval, a, b);
        return;
    }
    if (op == OP_MINUS && b.base == BASE_NUMBER) {
        b.offset = -b.offset;
        push_sum(eval, a, b);
        return;
    }
    if (a.base != BASE_NUMBER || b.base != BASE_NUMBER) {
        eval->is_bad = true;
        return;
    }
    if (op == OP_AND)
        push_number(eval, a.offset & b.offset);
    else if (op == OP_GE)
        push_number(eval, a.offset >= b.offset);
    else
        push_number(eval, (int64_t)((uint64_t)a.offset << (b.offset & 63)));
}

static int64_t read_constant(struct reader *in, unsigned op)
{
    switch (op) {
    case OP_CONST1U:
        return (int64_t)read_bytes(in, 1);
    case OP_CONST1S:
        return (int64_t)sign_extend(read_bytes(in, 1), 8);
    case OP_CONST2U:
        return (int64_t)read_bytes(in, 2);
    case OP_CONST2S:
        return (int64_t)sign_extend(read_bytes(in, 2), 16);
    case OP_CONST4U:
        return (int64_t)read_bytes(in, 4);
    case OP_CONST4S:
        return (int64_t)sign_extend(read_bytes(in, 4), 32);
    case OP_CONSTU:
        return (int64_t)read_uleb(in);
    default:
        return read_sleb(in);
    }
}

static void evaluate_op(struct evaluation *eval, struct reader *in, unsigned op)
{
    if (op >= OP_LIT0 && op <= OP_LIT31)
        push_number(eval, op - OP_LIT0);
    else if (op >= OP_BREG0 && op <= OP_BREG31)
        push_register(eval, op - OP_BREG0, read_sleb(in));
    else if (op >= OP_CONST1U && op <= OP_CONSTS && op != 0x0e && op != 0x0f)
        push_number(eval, read_constant(in, op));
    else if (op == OP_DEREF)
        push_deref(eval);
    else if (op == OP_AND || op == OP_MINUS || op == OP_PLUS || op == OP_SHL || op == OP_GE)
        push_binary(eval, op);
    else if (op == OP_PLUS_UCONST)
        push_sum(eval, pop(eval), (struct term){.offset = (int64_t)read_uleb(in)});
    else if (op == OP_BREGX) {
        uint64_t number = read_uleb(in);
        push_register(eval, number, read_sleb(in));
    } else
        eval->is_bad = true;
}

/* Reads a block (its length first) and evaluates it. */
static struct term read_expression(struct reader *in, uint64_t pc)
{
    struct evaluation eval = {.pc = pc};
    uint64_t size_bytes = read_uleb(in);
    if (size_bytes > (uint64_t)(in->end - in->at)) {
        in->is_bad = true;
        return (struct term){.base = BASE_OTHER};
    }
    struct reader block = {.at = in->at, .end = in->at + size_bytes};
    in->at += size_bytes;
    while (block.at < block.end && !block.is_bad && !eval.is_bad)
        evaluate_op(&eval, &block, (unsigned)read_bytes(&block, 1));
    struct term result = pop(&eval);
    if (block.is_bad || eval.is_bad)
        result.base = BASE_OTHER;
    return result;
}

/* --- the CFA program --- */

enum {
    CFA_ADVANCE_LOC = 0x40, /* these three carry their operand in the low six bits */
    CFA_OFFSET = 0x80,
    CFA_RESTORE = 0xc0,
    CFA_NOP = 0x00,
    CFA_SET_LOC = 0x01,
    CFA_ADVANCE_LOC1 = 0x02,
    CFA_ADVANCE_LOC2 = 0x03,
    CFA_ADVANCE_LOC4 = 0x04,
    CFA_OFFSET_EXTENDED = 0x05,
    CFA_RESTORE_EXTENDED = 0x06,
    CFA_UNDEFINED = 0x07,
    CFA_SAME_VALUE = 0x08,
    CFA_REGISTER = 0x09,
    CFA_REMEMBER_STATE = 0x0a,
    CFA_RESTORE_STATE = 0x0b,
    CFA_DEF_CFA = 0x0c,
    CFA_DEF_CFA_REGISTER = 0x0d,
    CFA_DEF_CFA_OFFSET = 0x0e,
    CFA_DEF_CFA_EXPRESSION = 0x0f,
    CFA_EXPRESSION = 0x10,
    CFA_OFFSET_EXTENDED_SF = 0x11,
    CFA_DEF_CFA_SF = 0x12,
    CFA_DEF_CFA_OFFSET_SF = 0x13,
    CFA_VAL_OFFSET = 0x14,
    CFA_VAL_OFFSET_SF = 0x15,
    CFA_VAL_EXPRESSION = 0x16,
    CFA_NEGATE_RA_STATE = 0x2d, /* aarch64: the return address is signed; the walk strips it */
    CFA_GNU_ARGS_SIZE = 0x2e
};

struct machine {
    const struct cie *cie;
    struct row row;
    struct row initial;
    struct row remembered[REMEMBERED_MAX];
    unsigned remembered_count;
    uint64_t location;
    uint64_t pc;
    bool is_bad;
};

static void set_saved(struct machine *machine, uint64_t number, struct saved saved)
{
    if (number == machine->cie->return_register)
        machine->row.ra = saved;
    else if (number == ARCH_REGISTER_FP)
        machine->row.fp = saved;
}

static void set_offset(struct machine *machine, uint64_t number, int64_t factored)
{
    set_saved(machine, number, (struct saved){WHERE_CFA, factored * machine->cie->data_align});
}

static void restore_register(struct machine *machine, uint64_t number)
{
    if (number == machine->cie->return_register)
        machine->row.ra = machine->initial.ra;
    else if (number == ARCH_REGISTER_FP)
        machine->row.fp = machine->initial.fp;
}

/* A register saved where an expression says: only "at fp + n" can be kept. */
static void set_expression(struct machine *machine, struct reader *in)
{
    uint64_t number = read_uleb(in);
    struct term term = read_expression(in, machine->pc);
    bool is_at_fp = term.base == BASE_FP && !term.is_deref;
    set_saved(machine, number, (struct saved){is_at_fp ? WHERE_FP : WHERE_UNKNOWN, term.offset});
}

static void keep_state(struct machine *machine, bool is_restore)
{
    if (is_restore ? !machine->remembered_count : machine->remembered_count == REMEMBERED_MAX)
        machine->is_bad = true;
    else if (is_restore)
        machine->row = machine->remembered[--machine->remembered_count];
    else
        machine->remembered[machine->remembered_count++] = machine->row;
}

/* Instructions that say where a register was saved. */
static void step_register(struct machine *machine, struct reader *in, unsigned op)
{
    uint64_t number = op == CFA_EXPRESSION ? 0 : read_uleb(in);
    switch (op) {
    case CFA_OFFSET_EXTENDED:
        set_offset(machine, number, (int64_t)read_uleb(in));
        break;
    case CFA_OFFSET_EXTENDED_SF:
        set_offset(machine, number, read_sleb(in));
        break;
    case CFA_RESTORE_EXTENDED:
        restore_register(machine, number);
        break;
    case CFA_UNDEFINED:
        set_saved(machine, number, (struct saved){WHERE_UNDEFINED, 0});
        break;
    case CFA_SAME_VALUE:
        set_saved(machine, number, (struct saved){WHERE_SAME, 0});
        break;
    case CFA_EXPRESSION:
        set_expression(machine, in);
        break;
    case CFA_VAL_EXPRESSION:
        read_expression(in, machine->pc);
        set_saved(machine, number, (struct saved){WHERE_UNKNOWN, 0});
        break;
    default: /* CFA_REGISTER, CFA_VAL_OFFSET, CFA_VAL_OFFSET_SF */
        read_uleb(in);
        set_saved(machine, number, (struct saved){WHERE_UNKNOWN, 0});
    }
}

/* Instructions that say where the CFA is. */
static void step_cfa(struct machine *machine, struct reader *in, unsigned op)
{
    struct row *row = &machine->row;
    int64_t align = machine->cie->data_align;
    uint64_t number;
    switch (op) {
    case CFA_DEF_CFA:
        number = read_uleb(in);
        row->cfa = register_term(number, (int64_t)read_uleb(in));
        break;
    case CFA_DEF_CFA_SF:
        number = read_uleb(in);
        row->cfa = register_term(number, read_sleb(in) * align);
        break;
    case CFA_DEF_CFA_REGISTER:
        row->cfa = register_term(read_uleb(in), row->cfa.offset);
        break;
    case CFA_DEF_CFA_OFFSET:
        row->cfa.offset = (int64_t)read_uleb(in);
        break;
    case CFA_DEF_CFA_OFFSET_SF:
        row->cfa.offset = read_sleb(in) * align;
        break;
    default:
        row->cfa = read_expression(in, machine->pc);
    }
}

static uint64_t read_advance(struct machine *machine, struct reader *in, unsigned op)
{
    unsigned size_bytes = op == CFA_ADVANCE_LOC1 ? 1 : op == CFA_ADVANCE_LOC2 ? 2 : 4;
    if (op == CFA_SET_LOC)
        return read_encoded(in, machine->cie->pointer_encoding, 0);
    return machine->location + read_bytes(in, size_bytes) * machine->cie->code_align;
}

static void step_simple(struct machine *machine, struct reader *in, unsigned op)
{
    switch (op) {
    case CFA_NOP:
    case CFA_NEGATE_RA_STATE:
        break;
    case CFA_SET_LOC:
    case CFA_ADVANCE_LOC1:
    case CFA_ADVANCE_LOC2:
    case CFA_ADVANCE_LOC4:
        machine->location = read_advance(machine, in, op);
        break;
    case CFA_REMEMBER_STATE:
    case CFA_RESTORE_STATE:
        keep_state(machine, op == CFA_RESTORE_STATE);
        break;
    case CFA_GNU_ARGS_SIZE:
        read_uleb(in);
        break;
    case CFA_DEF_CFA:
    case CFA_DEF_CFA_SF:
    case CFA_DEF_CFA_REGISTER:
    case CFA_DEF_CFA_OFFSET:
    case CFA_DEF_CFA_OFFSET_SF:
    case CFA_DEF_CFA_EXPRESSION:
        step_cfa(machine, in, op);
        break;
    default:
        if (op <= CFA_VAL_EXPRESSION)
            step_register(machine, in, op);
        else
            machine->is_bad = true;
    }
}

/* Runs until the row that covers machine->pc is complete. */
static void run_program(struct machine *machine, struct reader *in)
{
    while (in->at < in->end && !in->is_bad && !machine->is_bad) {
        unsigned op = (unsigned)read_byte(in);
        unsigned low = op & 0x3f;
        if ((op & 0xc0) == CFA_ADVANCE_LOC)
            machine->location += low * machine->cie->code_align;
        else if ((op & 0xc0) == CFA_OFFSET)
            set_offset(machine, low, (int64_t)read_uleb(in));
        else if ((op & 0xc0) == CFA_RESTORE)
            restore_register(machine, low);
        else
            step_simple(machine, in, op);
        if (machine->location > machine->pc)
            return;
    }
    machine->is_bad |= in->is_bad;
}

/* --- from row to rule --- */

static bool fits(int64_t value, unsigned bits)
{
    int64_t limit = (int64_t)1 << (bits - 1);
    return (value & 7) == 0 && value / 8 >= -limit && value / 8 < limit;
}

static enum rule_kind kind_of(const struct term *cfa)
{
    if (cfa->base == BASE_SP)
        return cfa->is_deref ? RULE_DEREF_SP : RULE_SP;
    if (cfa->base == BASE_FP)
        return cfa->is_deref ? RULE_DEREF_FP : RULE_FP;
    return RULE_UNKNOWN;
}

static bool pack_fp(const struct saved *fp, struct rule *rule)
{
    if (fp->where == WHERE_UNKNOWN || !fits(fp->offset, 17))
        return false;
    rule->fp_kind = fp->where == WHERE_CFA ? FP_AT_CFA : fp->where == WHERE_FP ? FP_AT_FP : FP_SAME;
    rule->fp_offset8 = fp->offset / 8;
    return true;
}

/* The return address: where it is, or with a dereferenced CFA only at CFA - 8. */
static bool pack_ra(const struct row *row, struct rule *rule)
{
    if (row->cfa.is_deref) {
        rule->ra_offset8 = row->cfa.offset / 8;
        return row->ra.where == WHERE_CFA && row->ra.offset == -8 && fits(row->cfa.offset, 17);
    }
    if (row->ra.where == WHERE_SAME && ARCH_HAS_LINK_REGISTER) {
        rule->ra_offset8 = RA_IN_REGISTER;
        return true;
    }
    rule->ra_offset8 = row->ra.offset / 8;
    return row->ra.where == WHERE_CFA && fits(row->ra.offset, 17);
}

static struct rule pack(const struct row *row)
{
    struct rule rule = {.kind = RULE_UNKNOWN};
    int64_t cfa_offset = row->cfa.is_deref ? row->cfa.after : row->cfa.offset;
    if (row->ra.where == WHERE_UNDEFINED)
        return (struct rule){.kind = RULE_END};
    if (!fits(cfa_offset, 24) || !pack_ra(row, &rule) || !pack_fp(&row->fp, &rule))
        return (struct rule){.kind = RULE_UNKNOWN};
    rule.kind = kind_of(&row->cfa);
    rule.cfa_offset8 = cfa_offset / 8;
    return rule;
}

static bool run_fde(const struct fde *fde, uint64_t pc, struct row *ret_row)
{
    struct machine machine; /* not cleared as a whole: remembered[] is large and seldom used */
    struct reader program = fde->cie.program;
    machine.cie = &fde->cie;
    machine.pc = pc;
    machine.location = fde->start;
    machine.remembered_count = 0;
    machine.is_bad = false;
    machine.row = (struct row){.cfa.base = BASE_OTHER};
    machine.initial = machine.row;
    run_program(&machine, &program);
    machine.initial = machine.row;
    program = fde->program;
    run_program(&machine, &program);
    *ret_row = machine.row;
    return !machine.is_bad;
}

/* No call returns to the first instruction of a function: that is a return address which somebody
 * made up for a new stack to begin with, as glibc's makecontext does. */
static bool is_before_function(const struct loaded_object *object, uint64_t address)
{
    struct fde fde;
    uint64_t fde_address = object->eh_frame_hdr ? find_fde(object, address + 1) : 0;
    return fde_address && read_fde(object, fde_address, address + 1, &fde) &&
           fde.start == address + 1;
}

bool cfi_function_start(const struct loaded_object *object, uint64_t address, uint64_t *ret_start)
{
    struct fde fde;
    uint64_t fde_address = object->eh_frame_hdr ? find_fde(object, address) : 0;
    if (!fde_address || !read_fde(object, fde_address, address, &fde))
        return false;
    *ret_start = fde.start;
    return true;
}

struct rule cfi_rule(const struct loaded_object *object, uint64_t address)
{
    struct rule unknown = {.kind = RULE_UNKNOWN};
    struct row row;
    struct fde fde;
    uint64_t fde_address = object->eh_frame_hdr ? find_fde(object, address) : 0;
    if (!fde_address || !read_fde(object, fde_address, address, &fde))
        return is_before_function(object, address) ? (struct rule){.kind = RULE_END}
                                                   : arch_rule_without_cfi(true, address);
    if (fde.cie.is_signal_frame)
        return (struct rule){.kind = RULE_SIGNAL};
    return run_fde(&fde, address, &row) ? pack(&row) : unknown;
}
