"""What is the language of the transformer? Tiny programs whose last token has to be predicted.

A program is a row of statements about the variables a to f, three tokens each:
    a=7   the variable gets a digit
    b=a   the variable gets the value that another one has at this moment
    ?b7   the variable's value is printed
and ends with a question mark and a variable. The next token is the digit that it holds. To know it, a
reader has to find the variable's last assignment, and where that copies, the assignment before it.
"""

import numpy as np

DIGITS = "0123456789"
VARIABLES = "abcdef"
VOCABULARY = list(DIGITS + VARIABLES + "=?")
CLASS_NAMES = list(DIGITS)
STATEMENTS = 8
LENGTH = 3 * STATEMENTS + 2

_NUMBER = {token: number for number, token in enumerate(VOCABULARY)}
_COPY_SHARE, _PRINT_SHARE = .3, .3


def _program(random, copies):
    """One random program as text of LENGTH characters, and the digit that comes next."""
    values, text = {}, []
    kinds, targets = random.random(STATEMENTS), random.integers(len(VARIABLES), size=STATEMENTS)
    digits, picks = random.integers(10, size=STATEMENTS), random.random(STATEMENTS + 1)
    for kind, target, digit, pick in zip(kinds, targets, digits, picks):
        known = sorted(values)
        variable = VARIABLES[target]
        sources = [name for name in known if name != variable]
        if copies and sources and kind < _COPY_SHARE:
            source = sources[int(pick * len(sources))]
            values[variable] = values[source]
            text.append(f"{variable}={source}")
        elif known and kind < _COPY_SHARE + _PRINT_SHARE:
            printed = known[int(pick * len(known))]
            text.append(f"?{printed}{values[printed]}")
        else:
            values[variable] = DIGITS[digit]
            text.append(f"{variable}={values[variable]}")
    asked = sorted(values)[int(picks[-1] * len(values))]
    return "".join(text) + "?" + asked, values[asked]


def encode(text):
    """Text -> list of token numbers."""
    return [_NUMBER[character] for character in text]


def write_programs(count, seed, avoid=(), copies=True):
    """`count` different programs, none of them in `avoid`; without `copies`, the second statement does not occur.

    Returns (tokens: int64 [count, LENGTH]; answers: int64 [count], digits 0 to 9; texts: set of str).
    """
    random = np.random.default_rng(seed)
    programs = {}
    while len(programs) < count:
        text, answer = _program(random, copies)
        if text not in avoid:
            programs[text] = int(answer)
    tokens = np.array([encode(text) for text in programs], np.int64)
    return tokens, np.array(list(programs.values()), np.int64), set(programs)
