/* What the two sides of the keeper share: key files and the frames on the socket between them. */
#pragma once

#include "ledger/private.h"

#define KEEPER_KEYS 3
#define SEED_BYTES 32u

enum keeper_frame {
    /* requests */
    KEEPER_ASK_CHECKPOINT = 1, /* text */
    KEEPER_ASK_COSIGN = 2,     /* u64 unix time, text */
    KEEPER_ASK_MESSAGE = 3,    /* varint-length payload type, body */
    KEEPER_ASK_FILE = 4,       /* 64 bytes: BLAKE2b-512 of a file */
    KEEPER_ASK_COMMENT = 5,    /* the same, comment */
    /* answers */
    KEEPER_READY = 16,     /* three verification keys, varint-length text each */
    KEEPER_SIGNATURE = 17, /* 64 bytes */
    KEEPER_REFUSED = 18,   /* u32 code (positive), text, remedy, file: varint-length text each */
};

extern const char *const keeper_file[KEEPER_KEYS]; /* "log", "witness", "messages" */
extern const uint8_t keeper_type[KEEPER_KEYS];     /* note key types; 0x01 for messages */

/* Reads "<dir>/<which>.seed" into 32 bytes of guarded memory and checks it against "<dir>/<which>.vkey". */
int keeper_read_key(const char *dir, enum keeper_key which, uint8_t *ret_seed, struct note_key *ret,
                    struct err *e) MUST_USE;
/* The life of the keeper process: never returns. */
_Noreturn void keeper_live(int fd, const char *dir);
