"""Suites: what is read, what is refused, what identifies a cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from defenses.registry import SCHEMES
from leaderboard.spec import suite as suites
from leaderboard.spec.cell import Cell
from leaderboard.spec.fields import SuiteError
from leaderboard.spec.load import built_in_suites, load_suite, parse_suite, suite_of

# Not a built-in suite: those are tuned, and tests should not follow.
SMALL = """
name = "small"
description = "For tests of the harness; nothing is trained."
seeds = [0]
targets = ["rnnt"]

[speech.public]
source = "embedded"
speakers = 4
utterances = 16

[speech.private]
source = "an4"
split = "train"

[speech.test]
source = "an4"
split = "test"

[canaries]
count = 4
template = "pin"
repetitions = [1, 4]

[training]
public_epochs = 1
epochs = 1
batch_size = 8
learning_rate = 2e-3

[[schemes]]
name = "none"

[[schemes]]
name = "dpsgd"
epsilon = [1, 10]

[[schemes]]
name = "pate-gnmax"
epsilon = [1, 10]

[[attacks]]
name = "membership"

[[attacks]]
name = "canary"

[[attacks]]
name = "inversion"
"""


@pytest.fixture
def edited(tmp_path):
    """Return a function that writes the small suite with one text replaced and loads it."""

    def edited(old: str, new: str):
        assert old in SMALL
        path = tmp_path / "mine.toml"
        path.write_text(SMALL.replace(old, new, 1))
        return load_suite(path)

    return edited


@pytest.mark.parametrize("name", built_in_suites())
def test_built_in_suites_load_under_their_own_name(name):
    suite = load_suite(name)
    assert suite.name == name
    ids = [cell.id for cell in suite.cells()]
    assert len(ids) == len(set(ids))


def test_the_promised_suites_are_there():
    assert set(built_in_suites()) >= {"tiny", "quick", "an4", "schemes", "paper"}
    quick = load_suite("quick")
    assert quick.targets == ("ctc",)
    assert {cell.id for cell in quick.cells()} >= {
        "ctc-start-seed0",
        "ctc-public-seed0",
        "ctc-none-seed0",
        *(
            f"ctc-{scheme}-eps{epsilon}-seed0"
            for scheme in ("dpsgd", "edpsgd", "pate-gnmax")
            for epsilon in (1, 10)
        ),
    }
    paper = load_suite("paper")
    assert set(paper.targets) == {"ctc", "rnnt", "las", "hybrid"}
    assert {scheme.epsilon for scheme in paper.schemes} == {None, (0.1, 1, 10)}
    assert len(paper.cells()) == len(paper.targets) * 3 * (2 + 3 * (len(paper.schemes) - 2))
    assert "ctc-dpsgd-eps0.1-seed2" in {cell.id for cell in paper.cells()}


MISTAKES = [
    (
        "speakers = ",
        "speekers = 1\nspeakers = ",
        r"speech\.public\.speekers: unknown key \(known: ",
    ),
    ("[training]", "[trainin]\n[training]", "trainin: unknown key"),
    ("[training]", '[audit]\nattack = "nobody"\n[training]', "audit.attack: 'nobody' is none of"),
    (
        "[training]",
        '[audit]\nattack = "canary"\n[training]',
        "audit.attack: 'canary' does not tell members",
    ),
    (
        "[training]",
        '[audit]\nattack = "membership"\nguesses = 1.5\n[training]',
        r"audit\.guesses: should be less than or equal to 1",
    ),
    (
        'name = "dpsgd"',
        'name = "dpsdg"',
        r"schemes\[1\]\.name: no such scheme: 'dpsdg' \(known: none, .*dpsgd, ",
    ),
    (
        'targets = ["rnnt"]',
        'targets = ["cct"]',
        r"targets\[0\]: no such target: 'cct' \(known: ctc, ",
    ),
    ("seeds = [0]", 'seeds = ["0"]', r"seeds\[0\]: should be a valid integer, got \"0\""),
    ("seeds = [0]", "seeds = [0, 0]", "seeds: holds the same value twice"),
    ("seeds = [0]", "seeds = []", "seeds: is empty"),
    ("seeds = [0]", "", "seeds: missing"),
    ("seeds = [0]", "seeds = 1979-05-27", "seeds: should be a valid array"),
    (
        "epsilon = [1, 10]",
        "epsilon = [-1]",
        r"schemes\[1\]\.epsilon\[0\]: should be greater than 0",
    ),
    (
        "epsilon = [1, 10]",
        "epsilon = [inf]",
        r"schemes\[1\]\.epsilon\[0\]: should be a finite number",
    ),
    ("epsilon = [1, 10]", "", r"schemes\[1\]: scheme 'dpsgd' needs 'epsilon'"),
    ('name = "none"', 'name = "none"\nepsilon = [1]', r"schemes\[0\]: scheme 'none' takes no"),
    (
        'name = "none"',
        'name = "none"\noptions = {a = [1]}',
        r"schemes\[0\]\.options: 'a' should be",
    ),
    ('"dpsgd"', '"pate-gnmax"', "schemes: 'pate-gnmax' appears twice"),
    ('"membership"', '"canary"', "attacks: holds the same value twice"),
    ("count = 4", "count = 0", "attack 'canary' needs"),
    ("count = 4", "count = 4\nspeeds = []", "canaries.speeds: is empty"),
    ("count = 4", 'count = 4\naudio = ["loud"]', r"canaries.audio\[0\]: should be 'clear' or"),
    ('source = "embedded"', 'source = "../x"', r"speech\.public\.source: "),
    ('source = "embedded"', 'source = "embedded"\nsplit = "a"', r"speech\.public: .*no 'split'"),
    ("learning_rate = 2e-3", "learning_rate = nan", r"training\.learning_rate: should be a finite"),
    ('split = "train"', "transcribed = 3", "speech: 'transcribed' is for the public"),
    ('name = "small"', 'name = "../small"', "name: "),
    ("seeds = [0]", "seeds = [0", "not TOML: .*line"),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES)
def test_a_mistake_is_one_line_naming_file_and_key(edited, old, new, message):
    with pytest.raises(SuiteError, match=rf"mine\.toml: {message}") as caught:
        edited(old, new)
    assert len(str(caught.value).splitlines()) == 1


def test_several_mistakes_are_all_told(edited):
    with pytest.raises(SuiteError) as caught:
        edited("speakers = 4\nutterances = 16", 'speakers = "4"\nutterances = 0')
    assert len(str(caught.value).splitlines()) == 2


def test_a_suite_that_is_not_there(tmp_path):
    with pytest.raises(SuiteError, match=r"no such suite \(built in: accents, accents-all-w"):
        load_suite("tinny")
    with pytest.raises(SuiteError, match=r"none\.toml: cannot be read: No such file"):
        load_suite(str(tmp_path / "none.toml"))
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(SuiteError, match="byte 8 is not UTF-8"):
        load_suite(tmp_path / "latin.toml")


def test_two_settings_of_one_scheme_are_told_apart_by_label(edited):
    twice = '[[schemes]]\nname = "dpsgd"\nlabel = "dpsgd-wide"\nepsilon = [10]\n\n[[attacks]]'
    ids = [cell.id for cell in edited("[[attacks]]", twice).cells()]
    assert ids[2] == "rnnt-dpsgd-eps10-seed0"
    assert ids[5] == "rnnt-dpsgd-wide-eps10-seed0"


def test_the_digest_changes_with_all_that_matters_and_nothing_else(edited):
    def cell(old: str, new: str) -> Cell:
        return edited(old, new).cells()[1]

    plain = cell("small", "small")
    for old, new in [
        ('name = "small"', 'name = "other"'),
        ("nothing", "something"),
        ("epsilon = [1, 10]", "epsilon = [1, 20]"),
    ]:
        assert cell(old, new).digest == plain.digest
    for old, new in [
        ("seeds = [0]", "seeds = [1]"),
        ("epsilon = [1, 10]", "epsilon = [2]"),
        ("epochs = 1", "epochs = 2"),
        ("utterances = 16", "utterances = 17"),
        ('name = "membership"', 'name = "membership"\noptions = {a = 1}'),
    ]:
        assert cell(old, new).digest != plain.digest

    attacked = cell('name = "membership"', 'name = "membership"\noptions = {a = 1}')
    assert attacked.training_digest == plain.training_digest
    assert cell("epochs = 1", "epochs = 2").training_digest != plain.training_digest


def test_a_cell_survives_json():
    for cell in load_suite("paper").cells():
        again = Cell.model_validate_json(cell.model_dump_json())
        assert again == cell
        assert again.digest == cell.digest


def test_a_later_stage_can_name_file_and_key_too(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SMALL)
    assert str(load_suite(path).mistake("data", "gone")) == f"{path}: data: gone"


def test_suites_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        load_suite("tiny").name = "other"


def test_a_path_and_a_name_give_the_same_suite(tmp_path, monkeypatch):
    built_in = Path(suites.__file__).parents[1] / "suites" / "tiny.toml"
    (tmp_path / "copy.toml").write_text(built_in.read_text())
    monkeypatch.chdir(tmp_path)
    assert load_suite("copy.toml").cells() == load_suite("tiny").cells()
    assert load_suite(Path("copy.toml")).cells() == load_suite("tiny").cells()


def test_single_targets_may_have_more_seeds(edited):
    suite = edited("seeds = [0]", "seeds = [0]\nmore_seeds = { rnnt = [2, 0] }")
    assert {c.seed for c in suite.cells() if c.target == "rnnt"} == {0, 2}
    assert len({c.id for c in suite.cells()}) == len(suite.cells())


def test_the_unit_is_told_only_where_it_is_not_the_utterance():
    """Records from before there were units must keep their digests."""
    text = (Path(suites.__file__).parents[1] / "suites" / "tiny.toml").read_text()
    plain, said, other = (
        parse_suite("tiny", unit + text)
        for unit in ("", 'unit = "utterance"\n', 'unit = "speaker"\n')
    )
    assert "unit" not in plain.cells()[0].spec["conditions"]
    assert plain.conditions.digest == said.conditions.digest != other.conditions.digest
    (again,) = (Cell.model_validate_json(c.model_dump_json()) for c in other.cells()[:1])
    assert again.conditions.unit == "speaker"


def test_canaries_of_the_usual_kind_leave_digests_as_they_were(edited):
    """Records from before there were kinds must keep their digests."""
    plain, said, other = (
        edited("count = 4", f"count = 4\n{kinds}")
        for kinds in ("", 'speeds = [1]\naudio = ["clear"]', "speeds = [1, 2]")
    )
    assert set(plain.canaries.model_dump()) == {"count", "template", "repetitions"}
    assert plain.conditions.digest == said.conditions.digest != other.conditions.digest
    cell = other.cells()[0]
    assert Cell.model_validate_json(cell.model_dump_json()) == cell


def test_who_begins_at_a_student_needs_one():
    schemes = '[[schemes]]\nname = "edpsgd-self-trained"\nepsilon = [1]\n\n'
    text = SMALL.replace("[[schemes]]", f"{schemes}[[schemes]]", 1)
    with pytest.raises(SuiteError, match="needs 'self_training' above 0"):
        parse_suite("small.toml", text)
    parse_suite("small.toml", text.replace("[training]", "[training]\nself_training = 1", 1))


WHISPER = {
    'targets = ["rnnt"]': 'targets = ["whisper"]\ntokens = "checkpoint"',
    "public_epochs = 1": 'public_epochs = 1\ncheckpoint = "tiny-whisper"',
}


def whisper_suite(**changes):
    text = SMALL
    for old, new in (WHISPER | changes).items():
        assert old in text
        text = text.replace(old, new, 1)
    return parse_suite("mine.toml", text)


def test_a_pretrained_target_names_its_checkpoint():
    suite = whisper_suite()
    dumped = suite.conditions.model_dump(mode="json")
    assert dumped["training"]["checkpoint"] == "tiny-whisper"
    assert dumped["tokens"] == "checkpoint"
    assert "adapter_rank" not in dumped["training"]
    other = whisper_suite(**{"public_epochs = 1": 'public_epochs = 1\ncheckpoint = "another"'})
    assert other.conditions.digest != suite.conditions.digest


OVERSAMPLED = """
[[schemes]]
name = "edpsgd-oversampled"
epsilon = [1]
options = { cohort = "%s"%s }
"""
EMBEDDED = 'source = "embedded"\nspeakers = 4\nutterances = 16\n%s\n'


@pytest.mark.parametrize(
    ("speech", "cohort", "attribute", "values"),
    [
        ("", "british", "", "en or en-GB-x-rp or en-US or en-US-nyc"),
        ('accents = ["en"]\nquota = { en-US = 1 }', "en-GB-x-rp", "", "en or en-US$"),
        ('other_accent = "en-029"', "en-US", "", "en-029$"),
        ("languages = { es = 1 }", "fr", ', attribute = "language"', "en or es$"),
    ],
)
def test_a_cohort_that_nobody_can_be_in_is_refused(speech, cohort, attribute, values):
    private = EMBEDDED % speech
    text = SMALL.replace('source = "an4"\nsplit = "train"', private)
    with pytest.raises(SuiteError, match=f"cohort is '{cohort}', and the .* is {values}"):
        parse_suite("small.toml", text + OVERSAMPLED % (cohort, attribute))
    for name in values.rstrip("$").split(" or "):
        parse_suite("small.toml", text + OVERSAMPLED % (name, attribute))
    # Of real speech the suite does not say who is there.
    parse_suite("small.toml", SMALL + OVERSAMPLED % (cohort, attribute))


def test_what_begins_nowhere_else_leaves_digests_as_they_were(edited):
    training = edited("seeds = [0]", "seeds = [0]").conditions.model_dump(mode="json")["training"]
    assert not {"checkpoint", "adapter_rank", "precision"} & set(training)


def test_the_precision_of_products_is_a_condition(edited):
    usual = edited("seeds = [0]", "seeds = [0]")
    said, cut = (
        edited("public_epochs = 1", f'public_epochs = 1\nprecision = "{name}"')
        for name in ("single", "bf16")
    )
    assert said.conditions.digest == usual.conditions.digest
    assert cut.conditions.digest != usual.conditions.digest
    assert cut.cells()[0].training_digest != usual.cells()[0].training_digest
    assert cut.conditions.model_dump(mode="json")["training"]["precision"] == "bf16"
    with pytest.raises(SuiteError, match=r"training\.precision"):
        edited("public_epochs = 1", 'public_epochs = 1\nprecision = "half"')


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("public_epochs = 1", "public_epochs = 1", "'whisper' needs 'training.checkpoint'"),
        ('targets = ["rnnt"]', 'targets = ["whisper"]', "'whisper' needs tokens = 'checkpoint'"),
        (
            'targets = ["rnnt"]',
            'targets = ["whisper", "ctc"]\ntokens = "checkpoint"',
            "pretrained ones have a suite of their own, without ctc",
        ),
        (
            'targets = ["rnnt"]',
            'targets = ["rnnt"]\ntokens = "checkpoint"',
            "training.checkpoint: target 'rnnt' begins at none; leave it",
        ),
        (
            "public_epochs = 1",
            'public_epochs = 1\ncheckpoint = "../elsewhere"',
            "training.checkpoint: String",
        ),
        (
            "public_epochs = 1",
            'public_epochs = 1\ncheckpoint = "tiny-whisper"\nprecision = "bf16"',
            "training.precision: target 'whisper' computes in single precision; leave it",
        ),
    ],
)
def test_a_mistake_about_checkpoints_is_one_line(old, new, message):
    with pytest.raises(SuiteError, match=message) as caught:
        whisper_suite(**{old: new})
    assert "\n" not in str(caught.value)


def test_only_embedded_speech_has_phrases(edited):
    spelled = edited('source = "embedded"', 'source = "embedded"\nphrases = "spelled"')
    assert spelled.speech.public.phrases == "spelled"
    assert "phrases" not in spelled.model_dump(mode="json")["speech"]["private"]
    with pytest.raises(SuiteError, match="'phrases' is for source 'embedded' only"):
        edited('source = "an4"', 'source = "an4"\nphrases = "spelled"')


def test_a_byte_order_mark_is_no_part_of_a_suite(tmp_path):
    path = tmp_path / "small.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert load_suite(path).conditions.digest == parse_suite("s", SMALL).conditions.digest


def test_an_audit_is_a_condition_but_trains_nothing_and_parts_nobody(edited):
    cell = parse_suite("small.toml", SMALL).cells()[0]
    audited = edited("[training]", '[audit]\nattack = "membership"\n\n[training]').cells()[0]
    assert "audit" not in cell.spec["conditions"]
    assert audited.spec["conditions"]["audit"] == {"attack": "membership", "guesses": None}
    assert audited.training_digest == cell.training_digest
    assert audited.digest != cell.digest
    assert audited.conditions.digest == cell.conditions.digest


@pytest.mark.parametrize("name", ["similar-speech", "schemes"])
def test_a_suite_that_was_renamed_is_known_by_its_conditions(name):
    # Records of the first were made when it was called as the second is now.
    (cell, *_) = load_suite(name).cells()
    assert suite_of(cell.model_copy(update={"suite": "schemes"})) == name
    assert suite_of(cell.model_copy(update={"suite": "mine"})) == "mine"


SPEAKERS_OF_SPANISH = """[speech.private]
source = "embedded"
speakers = 4
utterances = 8
languages = { es = %d }"""
PRIVATE = '[speech.private]\nsource = "an4"\nsplit = "train"'


@pytest.mark.parametrize("scheme", ["voice-replaced", "spoken-public", "adept", "word-noise"])
def test_schemes_that_say_transcripts_in_english_are_refused_other_languages(scheme):
    named = f'name = "{scheme}"' + ("\nepsilon = [1]" if SCHEMES[scheme].takes_epsilon else "")
    english = SMALL.replace('name = "none"', named)
    assert parse_suite("small.toml", english)
    other = english.replace(PRIVATE, SPEAKERS_OF_SPANISH % 2)
    said = rf"'{scheme}' has transcripts said by the rules of English.* speech\.private\.languages"
    with pytest.raises(SuiteError, match=said):
        parse_suite("small.toml", other)


def test_canaries_need_a_private_voice_that_speaks_english():
    assert parse_suite("small.toml", SMALL.replace(PRIVATE, SPEAKERS_OF_SPANISH % 3))
    with pytest.raises(SuiteError, match=r"speaks English.*: lower speech\.private\.languages"):
        parse_suite("small.toml", SMALL.replace(PRIVATE, SPEAKERS_OF_SPANISH % 4))
