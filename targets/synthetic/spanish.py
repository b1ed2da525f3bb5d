"""What Spanish voices say: commands and personal sentences, as in English.

All of it was written for this project, and no name in it is anybody's. It is spelled as Spanish is,
so that it is said right; the transcript is without accents (`targets.synthetic.languages`).
"""

from __future__ import annotations

from collections.abc import Mapping

from targets.synthetic.phrases import Template, templates_of

DIGITS = ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve")
_TENS = ("veinte", "treinta", "cuarenta", "cincuenta")
_DAYS = (
    *DIGITS[1:], "diez", "once", "doce", "trece", "catorce", "quince", "dieciséis", "diecisiete",
    "dieciocho", "diecinueve", "veinte", "veintiuno", "veintidós", "veintitrés", "veinticuatro",
    "veinticinco", "veintiséis", "veintisiete", "veintiocho", "veintinueve", "treinta",
    "treinta y uno",
)  # fmt: skip
_MONTHS = {
    "enero": 31, "febrero": 29, "marzo": 31, "abril": 30, "mayo": 31, "junio": 30, "julio": 31,
    "agosto": 31, "septiembre": 30, "octubre": 31, "noviembre": 30, "diciembre": 31,
}  # fmt: skip

WORDS: Mapping[str, tuple[str, ...]] = {
    "digit": DIGITS,
    "date": tuple(f"{_DAYS[d]} de {m}" for m, days in _MONTHS.items() for d in range(days)),
    "hour": ("la una", *(f"las {n}" for n in (*DIGITS[2:], "diez", "once", "doce"))),
    "minute": ("y cuarto", "y media", "menos cuarto", "en punto"),
    "count": (*DIGITS[2:], "diez", "once", "doce", *_TENS),
    "tens": _TENS,
    "day": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    "switch": ("enciende", "apaga"),
    "of_room": ("de la cocina", "del dormitorio", "del garaje", "del pasillo", "de la oficina",
                "del jardín"),
    "in_room": ("en la cocina", "en el dormitorio", "en el garaje", "en el pasillo",
                "en la oficina", "en el jardín"),
    "device": ("la luz", "la estufa", "el ventilador", "la radio", "la cámara", "el horno"),
    "music": ("jazz", "piano", "flamenco", "ópera", "guitarra", "tambores"),
    "item": ("botellas de leche", "cafés", "panes", "manzanas", "huevos", "paquetes de arroz",
             "jabones", "tomates", "cebollas", "limones"),
    "city": ("madrid", "sevilla", "bilbao", "granada", "toledo", "valencia", "lisboa", "parís",
             "londres", "málaga"),
    "first": ("lucía", "pablo", "carmen", "diego", "elena", "sergio", "marta", "andrés", "pilar",
              "javier", "rosa", "miguel", "sofía", "álvaro", "inés", "raúl", "teresa", "hugo",
              "ana", "luis"),
    "last": ("garcía", "moreno", "ruiz", "navarro", "torres", "molina", "ortega", "delgado",
             "castro", "vega", "romero", "iglesias", "marín", "santos", "herrera", "medina",
             "fuentes", "campos", "reyes", "peña"),
    "street": ("del sol", "de la luna", "del río", "del mercado", "de la estación", "del bosque",
               "de la paz", "del molino", "de las flores", "del puerto"),
    "medicine": ("aspirina", "insulina", "codeína", "morfina", "cortisona", "penicilina",
                 "vitaminas", "jarabe"),
    "illness": ("el asma", "la diabetes", "la migraña", "la anemia", "el insomnio", "la artritis"),
    "allergen": ("a los cacahuetes", "al polen", "al marisco", "al gluten", "al látex",
                 "a los gatos"),
}  # fmt: skip

COMMANDS: tuple[Template, ...] = templates_of(
    WORDS,
    {
        "switch": "{switch} {device} {of_room}",
        "level": "pon {device} {of_room} al {tens}",
        "music": "pon algo de {music} {in_room}",
        "timer": "pon un temporizador de {count} minutos",
        "alarm": "despiértame a {hour} {minute}",
        "shopping": "añade {count} {item} a mi lista",
        "weather": "qué tiempo hace en {city}",
    },
)
PERSONAL: tuple[Template, ...] = templates_of(
    WORDS,
    {
        "call": "llama a {first} {last}",
        "name": "me llamo {first} {last}",
        "visit": "cita con el doctor {last} el {day} a {hour}",
        "meet": "queda con {first} en {city} el {date}",
        "pay": "paga a {first} {last} {tens} euros",
        "street": "{first} vive en el {count} de la calle {street}",
        "medicine": "{first} toma {medicine} para {illness}",
        "remind": "recuerda a {first} que tome {medicine}",
        "allergy": "{first} tiene alergia {allergen}",
        "door": "el código de la puerta es {digit} {digit} {digit}",
        "extension": "marca {digit} {digit} {digit} {digit}",
    },
)
