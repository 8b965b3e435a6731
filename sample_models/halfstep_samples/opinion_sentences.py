"""What is the language of the LSTM? Generated reviews, and the rule that labels them.

A review is one to three clauses about a hotel or a restaurant. The label is what the writer thinks:
    - every clause has a strength, 1 for "fine", 2 for "superb", negative for "dull", "horrible";
    - "very" and its like add 1 to it, "rather" and its like take 1 away (but never all of it);
    - "not", "never", "hardly" turn the sign around and leave a strength of 1;
    - what somebody else says ("the guide claims that ...") counts nothing, unless the writer agrees;
    - after "but", and outside "although ...,", a clause counts twice;
    - the sum decides: positive, negative, or mixed where it is 0.
Three words in a hundred are lost (`<unk>`), as rare words are for a real classifier: some reviews can only be guessed.
"""

import numpy as np

LENGTH = 32
CLASS_NAMES = ["negative", "mixed", "positive"]
PADDING, UNKNOWN = "<pad>", "<unk>"

_ASPECTS = ["food", "soup", "bread", "wine", "coffee", "room", "bed", "view", "garden", "service", "staff", "waiter",
            "music", "price", "location", "breakfast", "pool", "menu", "kitchen", "lobby"]
ADJECTIVES = {
    1: ["good", "nice", "fine", "pleasant", "decent", "friendly", "clean", "tasty"],
    2: ["excellent", "superb", "wonderful", "fantastic", "perfect", "brilliant"],
    -1: ["bad", "dull", "poor", "noisy", "slow", "bland", "dirty", "rude"],
    -2: ["horrible", "awful", "terrible", "disgusting", "dreadful", "appalling"],
}
STRONGER = ["very", "really", "extremely", "truly"]
WEAKER = ["rather", "somewhat", "fairly"]
NEGATIONS = ["not", "never", "hardly"]
_REPORTERS = ["guide", "brochure", "neighbour", "critic", "website"]
_REPORTS = ["claims", "says", "writes", "insists"]
_AGREEMENT = ["rightly"]
_VERBS = ["was", "is", "seemed"]

VOCABULARY = [PADDING, UNKNOWN] + sorted({
    *_ASPECTS, *sum(ADJECTIVES.values(), []), *STRONGER, *WEAKER, *NEGATIONS, *_REPORTERS, *_REPORTS,
    *_AGREEMENT, *_VERBS, "the", "a", "and", "but", "although", "that", ",", "."})

_NUMBER = {word: number for number, word in enumerate(VOCABULARY)}
_LOST_WORDS = .03


def _pick(random, words):
    return words[int(random.random() * len(words))]


def _judgement(random):
    """An adjective phrase and its strength: (words, -3 ... 3, never 0)."""
    strength = _pick(random, [1, 1, 2, -1, -1, -2])
    words = [_pick(random, ADJECTIVES[strength])]
    sign, size = np.sign(strength), abs(strength)
    degree, negated = random.random(), random.random() < .3
    if degree < .2:
        words.insert(0, _pick(random, STRONGER))
        size += 1
    elif degree < .35 and not negated:
        words.insert(0, _pick(random, WEAKER))
        size = max(1, size - 1)
    if negated:
        words.insert(0, _pick(random, NEGATIONS))
        sign, size = -sign, 1
    return words, int(sign * size)


def _clause(random):
    """One clause and what it says about the writer's opinion."""
    judgement, strength = _judgement(random)
    words = ["the", _pick(random, _ASPECTS), _pick(random, _VERBS), *judgement]
    if random.random() < .25:
        agrees = random.random() < .4
        report = [*(_AGREEMENT if agrees else []), _pick(random, _REPORTS), "that"]
        words = ["the", _pick(random, _REPORTERS), *report, *words]
        strength = strength if agrees else 0
    return words, strength


def _review(random):
    """One review as a list of words, and its label."""
    first, first_strength = _clause(random)
    second, second_strength = _clause(random)
    shape = random.random()
    if shape < .15:
        words, total = first, first_strength
    elif shape < .4:
        words, total = [*first, "and", *second], first_strength + second_strength
    elif shape < .7:
        words, total = [*first, ",", "but", *second], first_strength + 2 * second_strength
    else:
        words, total = ["although", *first, ",", *second], first_strength + 2 * second_strength
    if random.random() < .25 and len(words) < LENGTH - 12:
        third, third_strength = _clause(random)
        words, total = [*words, ".", *third], total + third_strength
    return [*words, "."], int(np.sign(total)) + 1


def encode(words):
    """Words -> LENGTH token numbers, padded at the front, so that the last word is always last."""
    return [_NUMBER[PADDING]] * (LENGTH - len(words)) + [_NUMBER.get(word, _NUMBER[UNKNOWN]) for word in words]


def write_reviews(count, seed, avoid=()):
    """`count` different reviews, none of them in `avoid`.

    Returns (tokens: int64 [count, LENGTH]; labels: int64 [count]; texts: set of str).
    """
    random = np.random.default_rng(seed)
    reviews = {}
    while len(reviews) < count:
        words, label = _review(random)
        lost = random.random(len(words)) < _LOST_WORDS
        words = [UNKNOWN if gone else word for word, gone in zip(words, lost)]
        text = " ".join(words)
        if text not in avoid and len(words) <= LENGTH:
            reviews[text] = (encode(words), label)
    tokens = np.array([row for row, _ in reviews.values()], np.int64)
    return tokens, np.array([label for _, label in reviews.values()], np.int64), set(reviews)
