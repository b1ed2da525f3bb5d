from leaderboard.recognisers.words import plain


def test_digits_are_words():
    assert plain("It's 42, Höhe.") == "it's four two hohe"
