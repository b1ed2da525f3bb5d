"""What German voices say: commands and personal sentences, as in English.

All of it was written for this project, and no name in it is anybody's. It is spelled as German is,
so that it is said right; the transcript is without umlauts (`targets.synthetic.languages`).
"""

from __future__ import annotations

from collections.abc import Mapping

from targets.synthetic.phrases import Template, templates_of

DIGITS = ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
_TENS = ("zwanzig", "dreißig", "vierzig", "fünfzig")
_ONES = ("ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
_ORDINALS = (
    "ersten", "zweiten", "dritten", "vierten", "fünften", "sechsten", "siebten", "achten",
    "neunten", "zehnten", "elften", "zwölften", "dreizehnten", "vierzehnten", "fünfzehnten",
    "sechzehnten", "siebzehnten", "achtzehnten", "neunzehnten", "zwanzigsten",
    *(f"{one}undzwanzigsten" for one in _ONES), "dreißigsten", "einunddreißigsten",
)  # fmt: skip
_MONTHS = {
    "januar": 31, "februar": 29, "märz": 31, "april": 30, "mai": 31, "juni": 30, "juli": 31,
    "august": 31, "september": 30, "oktober": 31, "november": 30, "dezember": 31,
}  # fmt: skip

WORDS: Mapping[str, tuple[str, ...]] = {
    "digit": DIGITS,
    "date": tuple(f"{_ORDINALS[d]} {m}" for m, days in _MONTHS.items() for d in range(days)),
    "hour": ("ein", *DIGITS[2:], "zehn", "elf", "zwölf"),
    "minute": ("zehn", "fünfzehn", "dreißig", "fünfundvierzig"),
    "count": (*DIGITS[2:], "zehn", "elf", "zwölf", *_TENS),
    "tens": _TENS,
    "day": ("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag"),
    "switch": ("ein", "aus"),
    "room": ("in der küche", "im schlafzimmer", "in der garage", "im flur", "im büro",
             "im garten"),
    "device": ("das licht", "die heizung", "den ventilator", "das radio", "die kamera",
               "den ofen"),
    "music": ("jazz", "klavier", "volksmusik", "opern", "gitarre", "trommeln"),
    "item": ("flaschen milch", "äpfel", "brote", "eier", "tomaten", "zitronen", "zwiebeln",
             "päckchen reis", "brötchen", "seifen"),
    "city": ("berlin", "hamburg", "münchen", "köln", "wien", "zürich", "leipzig", "dresden",
             "london", "paris"),
    "first": ("anna", "lukas", "greta", "jonas", "klara", "felix", "ingrid", "moritz", "paula",
              "stefan", "heike", "jürgen", "lena", "karl", "ulrike", "tobias", "sabine", "anton",
              "birgit", "emil"),
    "last": ("schneider", "weber", "wagner", "becker", "hoffmann", "schäfer", "koch", "richter",
             "klein", "wolf", "schröder", "neumann", "schwarz", "braun", "krüger", "hartmann",
             "lange", "schmitt", "könig", "vogel"),
    "street": ("ahornstraße", "gartenstraße", "flussstraße", "kirchstraße", "weidenstraße",
               "bahnhofstraße", "hafenstraße", "bergstraße", "marktstraße", "waldstraße"),
    "medicine": ("aspirin", "insulin", "codein", "morphin", "cortison", "penizillin", "vitamine",
                 "hustensaft"),
    "illness": ("asthma", "diabetes", "migräne", "blutarmut", "schlaflosigkeit", "arthritis"),
    "allergen": ("erdnüsse", "pollen", "muscheln", "gluten", "latex", "katzen"),
}  # fmt: skip

COMMANDS: tuple[Template, ...] = templates_of(
    WORDS,
    {
        "switch": "schalte {device} {room} {switch}",
        "level": "stelle {device} {room} auf {tens}",
        "music": "spiele etwas {music} {room}",
        "timer": "stelle einen wecker auf {count} minuten",
        "alarm": "wecke mich um {hour} uhr {minute}",
        "shopping": "setze {count} {item} auf meine liste",
        "weather": "wie wird das wetter in {city}",
    },
)
PERSONAL: tuple[Template, ...] = templates_of(
    WORDS,
    {
        "call": "rufe {first} {last} an",
        "name": "ich heiße {first} {last}",
        "visit": "termin bei doktor {last} am {day} um {hour} uhr",
        "meet": "triff {first} in {city} am {date}",
        "pay": "zahle {first} {last} {tens} euro",
        "street": "{first} wohnt in der {street} {count}",
        "medicine": "{first} nimmt {medicine} gegen {illness}",
        "remind": "erinnere {first} an {medicine}",
        "allergy": "{first} ist allergisch gegen {allergen}",
        "door": "der türcode ist {digit} {digit} {digit}",
        "extension": "wähle {digit} {digit} {digit} {digit}",
    },
)
