"""What happens to each synthetic patient; all of it is made up.

Doses lie in the ranges of the reference, but for the one story whose point is that its dose does
not. Some stories tell two years, others as long as they need.
"""

from app.sample.plot import (
    UNKNOWN,
    Agreement,
    Course,
    Dose,
    Effect,
    Event,
    Lab,
    Medicine,
    Plot,
    Test,
    followed,
)

SERTRALINE = Medicine("sertraline", "36437", "tablet")
ESCITALOPRAM = Medicine("escitalopram", "321988", "tablet")
VENLAFAXINE = Medicine("venlafaxine", "39786", "extended-release capsule")
MIRTAZAPINE = Medicine("mirtazapine", "15996", "tablet")
LITHIUM = Medicine("lithium", "6448", "tablet")
METHYLPHENIDATE = Medicine("methylphenidate", "6901", "extended-release tablet")
BUPRENORPHINE_NALOXONE = Medicine(
    "buprenorphine-naloxone", "352364", "sublingual film", "sublingual"
)
ZOLPIDEM = Medicine("zolpidem", "39993", "tablet")
ST_JOHNS_WORT = Medicine("st-johns-wort", None, kind="supplement")

LITHIUM_LEVEL = Test("14334-7", "Lithium [Moles/volume] in Serum or Plasma", "mmol/L")
CREATININE = Test("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL")
THYROTROPIN = Test("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "m[IU]/L")
CALCIUM = Test("17861-6", "Calcium [Mass/volume] in Serum or Plasma", "mg/dL")
ALT = Test("1742-6", "Alanine aminotransferase [Enzymatic activity/volume]", "U/L")
WEIGHT = Test("29463-7", "Body weight", "kg")
SYSTOLIC = Test("8480-6", "Systolic blood pressure", "mm[Hg]")
DIASTOLIC = Test("8462-4", "Diastolic blood pressure", "mm[Hg]")
HEART_RATE = Test("8867-4", "Heart rate", "/min")

EARLY_RESPONDER = Plot(
    # Responds early, stays well, stops by agreement, falls ill again, and responds early again.
    name="early-responder",
    family="Early Responder",
    birth_date="1988-03-09",
    sex="female",
    time_zone="America/New_York",
    language="en",
    courses=(
        Course(
            SERTRALINE,
            (
                Dose(14, "50", "initial"),
                Dose(56, "100", "partial_response"),
                Dose(364, "50", "taper"),
                Dose(392, None, "remission"),
            ),
        ),
        Course(SERTRALINE, (Dose(574, "50", "initial"), Dose(616, "100", "partial_response"))),
    ),
    visits=(
        *(*followed(14), 126, 154, 196, 238, 280, 322, 364, 392, 434, 476, 518, 546),
        *(560, 574, 588, 602, 616, 630, 644, 658, 686, 714),
    ),
    levels={
        "phq-9": (
            *(
                (14, 18),
                (28, 13),
                (42, 9),
                (56, 7),
                (98, 4),
                (150, 2),
                (430, 2),
                (480, 5),
                (546, 15),
            ),
            *((574, 18), (588, 13), (602, 9), (616, 7), (658, 4), (700, 2)),
        ),
        "gad-7": (
            *((14, 12), (42, 8), (56, 6), (98, 4), (150, 2), (430, 2), (480, 4), (546, 10)),
            *((574, 12), (602, 8), (616, 6), (658, 3), (700, 2)),
        ),
    },
    effects=(
        Effect("nausea", ((16, 0), (18, 1), (26, 1), (27, 0))),
        Effect("headache", ((577, 0), (579, 1), (598, 1), (600, 0))),
    ),
    agreement=Agreement(
        574,
        "The same medicine helped two years ago, and the illness came back after it was stopped.",
        (
            ("Get through a working day", "functioning.work", 7),
            ("Enjoy an evening with my sister again", "functioning.social", 7),
        ),
        ((2, "sleep and appetite may move first"), (6, "mood follows, if this is the right way")),
        ("phq-9.total", "gad-7.total", "mood_cognition.mood", "sleep.quality"),
        42,
        {616: "dose_raise_agreed", 658: "unchanged", 714: "unchanged"},
    ),
)

NEVER_ADEQUATE = Plot(
    # Two medicines, each below the dose that could work; nobody raises either.
    name="never-adequate",
    family="Never Adequate",
    birth_date="1975-11-21",
    sex="male",
    time_zone="Europe/Berlin",
    language="de",
    courses=(
        Course(ESCITALOPRAM, (Dose(14, "5", "initial"), Dose(574, None, "no_response"))),
        Course(SERTRALINE, (Dose(574, "25", "switch"),)),
    ),
    visits=(
        *(*followed(14), 126, 168, 210, 252, 308, 350, 392, 448, 490, 532, 560),
        *(574, 588, 602, 616, 630, 644, 658, 686, 714),
    ),
    levels={
        "phq-9": (
            (14, 17),
            (42, 15),
            (98, 16),
            (200, 15),
            (360, 17),
            (574, 17),
            (602, 15),
            (714, 16),
        ),
        "gad-7": ((14, 12), (42, 11), (200, 12), (540, 11), (574, 12), (714, 12)),
    },
    thoughts_on=714,
    agreement=Agreement(
        574,
        "A second medicine, because the first one changed little.",
        (("Go back to the choir", "functioning.social", 6),),
        ((4, "the questionnaire should begin to fall"),),
        ("phq-9.total", "mood_cognition.mood"),
        28,
        {602: "unchanged"},
    ),
)

LOWERED_DOSE = Plot(
    # Half better on 50 mg; 100 mg helps the mood and costs sleep and sex life; 75 mg holds.
    name="lowered-dose",
    family="Lowered Dose",
    birth_date="1993-07-02",
    sex="male",
    time_zone="America/Chicago",
    language="en",
    courses=(
        Course(
            SERTRALINE,
            (
                Dose(14, "50", "initial"),
                Dose(588, "100", "partial_response"),
                Dose(644, "75", "side_effect"),
            ),
        ),
    ),
    visits=(
        *(*followed(14), 126, 168, 210, 252, 294, 336, 392, 448, 490, 518),
        *(546, 560, 574, 588, 602, 616, 644, 658, 672, 700, 714),
    ),
    levels={
        "phq-9": (
            (14, 19),
            (42, 16),
            (98, 13),
            (150, 12),
            (588, 12),
            (616, 9),
            (644, 7),
            (672, 5),
            (714, 4),
        ),
        "gad-7": ((14, 13), (42, 11), (98, 9), (588, 9), (616, 7), (658, 5), (714, 5)),
    },
    effects=(
        Effect("nausea", ((590, 0), (593, 2), (604, 2), (612, 1), (645, 1), (650, 0))),
        Effect(
            "insomnia",
            ((591, 0), (595, 1), (606, 1), (614, 2), (644, 2), (656, 1), (668, 0)),
            ("dose_time_changed", "watch", "dose_lowered"),
        ),
        Effect(
            "sexual-dysfunction",
            ((594, 0), (600, 1), (612, 1), (620, 2), (646, 2), (664, 1), (682, 1), (688, 0)),
            ("watch", "watch", "dose_lowered"),
        ),
    ),
)

STOPPED_ANSWERING = Plot(
    # Better, though not well; then fewer answers, the score creeps up, and silence.
    name="stopped-answering",
    family="Stopped Answering",
    birth_date="1982-01-30",
    sex="female",
    time_zone="Europe/London",
    language="en",
    courses=(
        Course(
            VENLAFAXINE,
            (
                Dose(14, "37.5", "initial"),
                Dose(28, "75", "initial"),
                Dose(70, "150", "partial_response"),
            ),
        ),
    ),
    visits=(
        *(*followed(14), 126, 168, 210, 252, 308, 350, 392, 448, 490, 518),
        *(546, 574, 602, 637),
    ),
    levels={
        "phq-9": ((14, 19), (42, 16), (70, 14), (98, 11), (210, 7), (540, 7), (602, 9), (640, 12)),
        "gad-7": ((14, 14), (70, 11), (98, 8), (210, 6), (540, 6), (640, 8)),
    },
    effects=(Effect("sweating", ((74, 0), (78, 1), (160, 1), (164, 0))),),
    events=(Event(637, "stressor", "Father ill, cared for at home", 596, 630),),
    thins_out=(540, 641),
)

OVERDUE_LEVEL = Plot(
    # Lithium holds the highs; then its level is forgotten, and the last one was drawn too early.
    name="overdue-level",
    family="Overdue Level",
    birth_date="1979-05-17",
    sex="male",
    time_zone="Europe/Madrid",
    language="es",
    indication="F31.81",
    courses=(
        Course(
            LITHIUM,
            (
                Dose(14, "600", "initial"),
                Dose(42, "900", "partial_response"),
                Dose(224, "1200", "partial_response"),
            ),
        ),
    ),
    visits=(
        *(*followed(14), 126, 154, 182, 210, 224, 238, 252, 280, 308, 350, 392, 434, 476),
        *(518, 560, 602, 644, 686, 714),
    ),
    levels={
        "asrm": ((0, 12), (14, 12), (42, 8), (98, 3), (196, 3), (220, 11), (252, 4), (300, 2)),
        "phq-9": ((0, 5), (98, 7), (196, 5), (320, 9), (392, 6), (600, 5), (730, 6)),
        "gad-7": ((0, 7), (98, 5), (220, 7), (300, 5), (730, 4)),
    },
    effects=(
        Effect("tremor", ((20, 0), (26, 1), (224, 1), (236, 2), (260, 1), (330, 1), (336, 0))),
        Effect("thirst", ((46, 0), (54, 1), (150, 1), (160, 0))),
    ),
    labs=(
        *(Lab(11, CREATININE, "0.92"), Lab(11, THYROTROPIN, "1.9"), Lab(11, CALCIUM, "9.3")),
        *(Lab(11, WEIGHT, "82"), Lab(21, LITHIUM_LEVEL, "0.41", 12)),
        *(Lab(28, LITHIUM_LEVEL, "0.44", 12.5), Lab(49, LITHIUM_LEVEL, "0.63", 12)),
        *(Lab(98, LITHIUM_LEVEL, "0.61", 11.5), Lab(190, LITHIUM_LEVEL, "0.59", 12)),
        *(Lab(190, CREATININE, "0.95"), Lab(190, THYROTROPIN, "2.4"), Lab(190, CALCIUM, "9.5")),
        *(Lab(190, WEIGHT, "83.5"), Lab(231, LITHIUM_LEVEL, "0.78", 12)),
        *(Lab(309, LITHIUM_LEVEL, "0.76", 12), Lab(400, LITHIUM_LEVEL, "0.74", 13)),
        *(Lab(400, CREATININE, "0.98"), Lab(400, THYROTROPIN, "2.9"), Lab(400, CALCIUM, "9.6")),
        *(Lab(400, WEIGHT, "85"), Lab(490, LITHIUM_LEVEL, "1.08", 4)),
        *(Lab(574, CREATININE, "1.01"), Lab(574, THYROTROPIN, "3.1"), Lab(574, CALCIUM, "9.6")),
        *(Lab(574, WEIGHT, "86"),),
    ),
    events=(Event(476, "travel", "Two weeks abroad", 430, 443),),
    answered={98: "lithium raised to 900 mg", 252: "lithium raised to 1200 mg"},
    away=(430, 444),
)

ATTENTION_TITRATED = Plot(
    # Two steps up, two weeks apart; attention follows, appetite and pulse pay a little.
    name="attention-titrated",
    family="Attention Titrated",
    birth_date="1996-08-28",
    sex="female",
    time_zone="Pacific/Auckland",
    language="en",
    indication="F90.0",
    begins=545,
    courses=(
        Course(
            METHYLPHENIDATE,
            (
                Dose(588, "18", "initial"),
                Dose(602, "36", "partial_response"),
                Dose(616, "54", "partial_response"),
            ),
        ),
    ),
    visits=(*followed(588), 700, 721),
    levels={
        "asrs-18": ((588, 51), (602, 46), (616, 36), (640, 26), (730, 24)),
        "phq-9": ((588, 8), (640, 5), (730, 4)),
        "gad-7": ((588, 6), (640, 5), (730, 4)),
    },
    effects=(
        Effect(
            "low-appetite", ((590, 0), (593, 1), (616, 1), (620, 2), (650, 2), (664, 1), (730, 1))
        ),
        Effect("insomnia", ((617, 0), (619, 1), (640, 1), (650, 0)), ("dose_time_changed",)),
    ),
    labs=tuple(
        Lab(day, test, value)
        for day, values in (
            (587, ("112", "72", "68", "64.5")),
            (602, ("114", "74", "74", "64.2")),
            (616, ("118", "76", "79", "63.6")),
            (630, ("121", "78", "84", "63.1")),
            (679, ("119", "77", "82", "62.4")),
        )
        for test, value in zip((SYSTOLIC, DIASTOLIC, HEART_RATE, WEIGHT), values, strict=True)
    ),
)

OPIOID_TREATMENT_STARTED = Plot(
    # Begun in withdrawal, raised within three days, kept; life comes back more slowly.
    name="opioid-treatment-started",
    family="Opioid Treatment Started",
    birth_date="1985-12-04",
    sex="male",
    time_zone="America/Los_Angeles",
    language="en",
    indication="F11.20",
    begins=530,
    courses=(
        Course(
            BUPRENORPHINE_NALOXONE,
            (
                Dose(560, "4", "initial"),
                Dose(561, "8", "partial_response"),
                Dose(563, "16", "partial_response"),
            ),
        ),
    ),
    visits=(546, 560, 561, 563, 567, 574, 588, 602, 630, 658, 686, 714),
    levels={
        "phq-9": ((546, 17), (560, 18), (574, 14), (630, 9), (690, 7), (730, 7)),
        "gad-7": ((546, 14), (560, 16), (567, 10), (630, 7), (730, 5)),
    },
    effects=(
        Effect("opioid-withdrawal", ((557, 0), (559, 2), (562, 2), (565, 1), (567, 0))),
        Effect("constipation", ((563, 0), (566, 1), (575, 2), (590, 2), (600, 1), (730, 1))),
    ),
    labs=(Lab(559, ALT, "41"), Lab(651, ALT, "36")),
    away=(610, 624),
)

WORT_ADDED = Plot(
    # Well on an SSRI; a supplement bought on the way, and told of four weeks later.
    name="wort-added",
    family="Wort Added",
    birth_date="1990-02-11",
    sex="female",
    time_zone="Australia/Sydney",
    language="en",
    begins=440,
    courses=(
        Course(SERTRALINE, (Dose(490, "50", "initial"), Dose(532, "100", "partial_response"))),
        Course(ST_JOHNS_WORT, (Dose(693, UNKNOWN, "patient_choice"),), told_on=721),
    ),
    visits=(*followed(490), 602, 644, 686, 721),
    levels={
        "phq-9": ((490, 16), (532, 11), (602, 7), (693, 7), (730, 7)),
        "gad-7": ((490, 11), (602, 5), (700, 5), (730, 7)),
    },
    effects=(
        Effect("nausea", ((491, 0), (494, 1), (506, 1), (508, 0))),
        Effect("sweating", ((698, 0), (702, 1), (716, 2), (730, 2))),
        Effect("tremor", ((704, 0), (708, 1), (730, 1))),
    ),
)

CROSS_TAPERED = Plot(
    # One medicine goes down while the other comes in; the sum is read as one switch.
    name="cross-tapered",
    family="Cross Tapered",
    birth_date="1972-10-19",
    sex="male",
    time_zone="Europe/Lisbon",
    language="pt",
    begins=420,
    courses=(
        Course(
            VENLAFAXINE,
            (
                Dose(462, "75", "initial"),
                Dose(490, "150", "partial_response"),
                Dose(602, "75", "switch"),
                Dose(616, "37.5", "switch"),
                Dose(630, None, "switch"),
            ),
        ),
        Course(MIRTAZAPINE, (Dose(602, "15", "switch"), Dose(616, "30", "switch"))),
    ),
    visits=(*followed(462), 574, *followed(602), 714),
    levels={
        "phq-9": ((462, 19), (518, 15), (602, 15), (630, 11), (672, 6), (730, 5)),
        "gad-7": ((462, 12), (518, 9), (602, 10), (672, 5), (730, 4)),
    },
    effects=(
        Effect("sweating", ((494, 0), (500, 1), (540, 2), (604, 2), (620, 1), (632, 0))),
        Effect("discontinuation", ((630, 0), (632, 2), (637, 1), (642, 0))),
        Effect("high-appetite", ((612, 0), (620, 1), (730, 1))),
    ),
)

TWO_CHANGES_ONE_WEEK = Plot(
    # A raise on Monday, a second medicine on Friday; what follows belongs to neither alone.
    name="two-changes-one-week",
    family="Two Changes One Week",
    birth_date="1987-01-25",
    sex="male",
    time_zone="Asia/Kolkata",
    language="hi",
    begins=490,
    courses=(
        Course(ESCITALOPRAM, (Dose(532, "10", "initial"), Dose(644, "20", "partial_response"))),
        Course(MIRTAZAPINE, (Dose(648, "15", "partial_response"),)),
    ),
    visits=(*followed(532), 630, 644, 648, 658, 672, 686, 700, 721),
    levels={
        "phq-9": ((532, 18), (588, 13), (644, 13), (672, 8), (700, 5), (730, 4)),
        "gad-7": ((532, 13), (588, 10), (644, 10), (672, 6), (730, 4)),
    },
    effects=(
        Effect("headache", ((533, 0), (535, 1), (546, 1), (548, 0))),
        Effect("drowsiness", ((648, 0), (650, 2), (664, 1), (684, 1), (690, 0))),
    ),
)

SLOW_RESPONDER = Plot(
    # Nothing to see for eight weeks at a dose that can work; half the score is gone by week 16.
    name="slow-responder",
    family="Slow Responder",
    birth_date="1968-06-06",
    sex="female",
    time_zone="America/Denver",
    language="en",
    begins=515,
    courses=(
        Course(SERTRALINE, (Dose(560, "50", "initial"), Dose(602, "100", "partial_response"))),
    ),
    visits=(*followed(560), 658, 672, 700, 721),
    levels={
        "phq-9": ((560, 20), (588, 19), (616, 18), (630, 16), (658, 11), (672, 8), (714, 5)),
        "gad-7": ((560, 14), (616, 13), (658, 8), (714, 5)),
    },
    effects=(Effect("nausea", ((561, 0), (563, 2), (570, 1), (576, 0))),),
)

LATE_WORSENING = Plot(
    # Well, and tapered by a plan, the last step two weeks late; ill again ten weeks after the stop.
    name="late-worsening",
    family="Late Worsening",
    birth_date="1981-09-14",
    sex="female",
    time_zone="Europe/Paris",
    language="fr",
    begins=335,
    courses=(
        Course(
            VENLAFAXINE,
            (
                Dose(378, "75", "initial"),
                Dose(406, "150", "partial_response"),
                Dose(574, "75", "taper"),
                Dose(602, "37.5", "taper"),
                Dose(644, None, "taper"),
            ),
            planned_on=560,
            plan=(Dose(574, "75", "taper"), Dose(602, "37.5", "taper"), Dose(630, None, "taper")),
        ),
    ),
    visits=(
        *(*followed(378), 490, 532, 560, 574, 588, 602, 616, 630, 644, 658, 672, 686),
        *(700, 714, 721),
    ),
    levels={
        "phq-9": ((378, 18), (420, 8), (462, 3), (672, 3), (690, 7), (707, 12), (721, 16)),
        "gad-7": ((378, 12), (462, 3), (672, 3), (707, 8), (730, 10)),
    },
    effects=(
        Effect("discontinuation", ((645, 0), (646, 2), (652, 1), (658, 0))),
        Effect("nausea", ((379, 0), (381, 1), (392, 1), (394, 0))),
    ),
    events=(Event(686, "stressor", "Moved to another city", 676),),
    away=(590, 601),
)

HYPNOTIC_TAPERED = Plot(
    # Sleeps on a tablet, then without it: worse for days after each step, better by autumn.
    name="hypnotic-tapered",
    family="Hypnotic Tapered",
    birth_date="1974-04-30",
    sex="male",
    time_zone="America/Toronto",
    language="fr",
    indication="F51.01",
    begins=470,
    keeps_diary=True,
    courses=(
        Course(
            ZOLPIDEM,
            (
                Dose(504, "5", "initial"),
                Dose(518, "10", "partial_response"),
                Dose(616, "5", "taper"),
                Dose(644, None, "taper"),
            ),
            planned_on=602,
            plan=(Dose(616, "5", "taper"), Dose(644, None, "taper")),
        ),
    ),
    visits=(*followed(504), 602, 616, 630, 644, 658, 672, 700, 721),
    levels={
        "isi": (
            *((504, 21), (532, 14), (616, 13), (620, 18), (632, 15), (640, 12), (644, 12)),
            *((648, 19), (660, 15), (672, 9), (700, 7), (730, 6)),
        ),
        "phq-9": ((504, 9), (616, 7), (648, 8), (700, 4)),
        "gad-7": ((504, 7), (616, 6), (648, 7), (700, 4)),
    },
    effects=(
        Effect("next-day-fog", ((519, 0), (523, 1), (560, 2), (616, 1), (620, 0))),
        Effect("withdrawal-insomnia", ((644, 0), (646, 2), (654, 1), (660, 0))),
    ),
)

PLOTS = (
    *(EARLY_RESPONDER, NEVER_ADEQUATE, LOWERED_DOSE, STOPPED_ANSWERING),
    *(OVERDUE_LEVEL, ATTENTION_TITRATED, OPIOID_TREATMENT_STARTED, WORT_ADDED, CROSS_TAPERED),
    *(TWO_CHANGES_ONE_WEEK, SLOW_RESPONDER, LATE_WORSENING, HYPNOTIC_TAPERED),
)
