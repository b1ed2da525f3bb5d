"""Options of schemes and attacks: a wrong one is named with those that there are."""

import pytest

from attacks.registry import ATTACKS
from defenses.registry import SCHEMES
from leaderboard.experiment.choices import attacks_of, defense_of
from leaderboard.spec.choices import AttackChoice
from leaderboard.spec.load import built_in_suites, load_suite
from targets.core.errors import OverheardError

SUITE = load_suite("tiny")
CELL = SUITE.cells()[0]


def scheme(name, **options):
    epsilon = 1.0 if SCHEMES[name].takes_epsilon else None
    return defense_of(
        CELL.model_copy(
            update={"scheme": name, "label": name, "epsilon": epsilon, "options": options}
        )
    )


def attack(name, **options):
    chosen = (AttackChoice(name=name, options=options),)
    return attacks_of(SUITE.conditions.model_copy(update={"attacks": chosen}))


@pytest.mark.parametrize("name", SCHEMES.names())
def test_an_option_that_a_scheme_lacks(name):
    with pytest.raises(OverheardError) as raised:
        scheme(name, teacher=3)
    said = str(raised.value)
    assert said.startswith(f"scheme '{name}': options: no option 'teacher' (")
    assert "known: " in said or "there are none" in said
    assert "epsilon" not in said
    assert "\n" not in said


@pytest.mark.parametrize("name", ATTACKS.names())
def test_an_option_that_an_attack_lacks(name):
    with pytest.raises(OverheardError, match=rf"attack '{name}': options: no option 'nope' \("):
        attack(name, nope=3)


def test_known_options_are_listed():
    with pytest.raises(OverheardError, match=r"no option 'epoch' \(known: epochs, batch_size, "):
        scheme("dpsgd", epoch=3)


@pytest.mark.parametrize("value", ["many", 2.5, True])
def test_a_value_that_an_option_cannot_have(value):
    with pytest.raises(OverheardError, match=r"scheme 'dpsgd': options: batch_size is .*: should"):
        scheme("dpsgd", batch_size=value)


def test_a_whole_number_is_a_number():
    assert scheme("dpsgd", epochs=3).epochs == 3
    assert scheme("dpsgd", epochs=0.5).epochs == 0.5


@pytest.mark.parametrize("name", built_in_suites())
def test_every_option_of_a_suite_that_comes_with_overheard_is_taken(name):
    suite = load_suite(name)
    for cell in suite.cells():
        assert defense_of(cell)
    assert attacks_of(suite.conditions)
