"""What a property is for, told by the words of its name."""

from enum import StrEnum

from coliseum.sandbox.models.policy_text import words


class Role(StrEnum):
    """How a property is filled."""

    PROBABILITY = "probability"
    LOW = "low"
    HIGH = "high"
    AMOUNT = "amount"
    CASES = "cases"
    HITS = "hits"
    ADDRESS = "address"
    QUESTION = "question"
    PROSE = "prose"
    QUOTES = "quotes"
    OTHER = "other"


_BELIEFS = frozenset(words("probability prob likelihood confidence chance belief"))
_BELIEFS_ALONE = frozenset(words("p estimate rate base yes final hit"))
"""They name a probability only where no other word stands beside them: an interest rate is none."""
_LOW = frozenset(words("low lower lo min minimum"))
_HIGH = frozenset(words("high upper hi max maximum"))
_OF_INTERVAL = _BELIEFS | _BELIEFS_ALONE | frozenset(words("bound interval ci end"))
_AMOUNTS = (
    (Role.CASES, frozenset(words("cases n trials sample samples"))),
    (Role.HITS, frozenset(words("hits successes k"))),
    (Role.AMOUNT, frozenset(words("count number total num sources items results"))),
)
_PROSE = frozenset(
    words(
        "summary rationale reasoning reason synthesis explanation analysis answer description text content message "
        "note comment thesis justification detail details response conclusion report why finding evidence risk "
        "takeaway overview statement verdict opinion"
    )
)
_QUOTES = frozenset(
    words(
        "reasons risks findings points facts insights takeaways arguments notes observations evidence factors quotes "
        "highlights caveats assumptions drivers"
    )
)
_ADDRESSES = frozenset(
    words("url urls uri link links href source sources citation citations reference references")
)
_QUESTIONS = frozenset(
    words(
        "question questions query queries q search prompt task topic input request instruction instructions keywords "
        "subject"
    )
)


def number_role(name: str) -> Role:
    """For numbers: probability and its bounds, counts, or anything else."""
    found = frozenset(words(name))
    for role, named in ((Role.LOW, _LOW), (Role.HIGH, _HIGH)):
        if found & named and found <= named | _OF_INTERVAL:
            return role
    if found & _BELIEFS or (found and found <= _BELIEFS_ALONE):
        return Role.PROBABILITY
    return next((role for role, named in _AMOUNTS if found & named), Role.OTHER)


def text_role(name: str) -> Role:
    """For texts: an address, a question, prose, or anything else."""
    found = frozenset(words(name))
    if found & _ADDRESSES:
        return Role.ADDRESS
    if found & _QUESTIONS:
        return Role.QUESTION
    return Role.PROSE if found & (_PROSE | _QUOTES) else Role.OTHER


def list_role(name: str) -> Role:
    """For lists of texts: addresses, questions, quoted sentences, or anything else."""
    found = frozenset(words(name))
    return Role.QUOTES if found & (_QUOTES | _PROSE) else text_role(name)
