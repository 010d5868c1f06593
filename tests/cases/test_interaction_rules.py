"""Worked cases: a list where a rule must fire, and the nearest list where it must not.

Each case names where its clinical statement stands, from memory; `LABEL` is the US prescribing
information of the medicine named. What was read by sight is named on the rule (`verified`).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.clinical import medications
from app.clinical.interaction_rules import Severity, rules
from app.clinical.interactions import Entry, Event, Facts, check

ON = date(2026, 4, 14)
LABEL = "US prescribing information: "
NOTHING_KNOWN = Facts()
QUIT = Facts(smoking="former", events=(Event("smoking_stopped", ON - timedelta(days=3)),))
STARTED = Facts(smoking="current", events=(Event("smoking_started", ON - timedelta(days=3)),))
VOMITING = Facts(events=(Event("sodium_or_water_loss", ON - timedelta(days=1)),))
DETOX = Facts(events=(Event("sedatives_stopped_abruptly", ON),))


@dataclass(frozen=True)
class Case:
    """`fires` and `near_miss` are lists of reference ids; the facts hold for the first one."""

    rule: str
    severity: Severity
    fires: str
    near_miss: str
    source: str
    facts: Facts = NOTHING_KNOWN
    near_facts: Facts = NOTHING_KNOWN


CASES = [
    # Monoamine oxidase inhibitors
    Case(
        "maoi-serotonergic", "contraindicated", "phenelzine sertraline", "phenelzine lamotrigine",
        LABEL + "sertraline, 4 Contraindications (MAOI)",
    ),
    Case(
        "maoi-fluoxetine", "contraindicated", "tranylcypromine fluoxetine", "rasagiline fluoxetine",
        LABEL + "fluoxetine, 4.1 (five weeks before an MAOI)",
    ),
    Case(
        "maoi-tca", "contraindicated", "phenelzine amitriptyline", "phenelzine quetiapine",
        LABEL + "amitriptyline, Contraindications",
    ),
    Case(
        "maoi-bupropion", "contraindicated", "selegiline-transdermal bupropion",
        "selegiline-oral bupropion", LABEL + "bupropion, 4 (MAOI)",
    ),
    Case(
        "maoi-sympathomimetic", "contraindicated", "phenelzine pseudoephedrine",
        "sertraline pseudoephedrine", LABEL + "tranylcypromine, 4 and 7.1",
    ),
    Case(
        "maoi-stimulant", "contraindicated", "phenelzine methylphenidate", "phenelzine modafinil",
        LABEL + "methylphenidate, 4 (MAOI)",
    ),
    Case(
        "maoi-tyramine", "contraindicated", "tranylcypromine tyramine-food",
        "sertraline tyramine-food",
        LABEL + "tranylcypromine, 5 (hypertensive crisis, tyramine)",
    ),
    Case(
        "maoi-buspirone", "contraindicated", "phenelzine buspirone", "linezolid buspirone",
        LABEL + "buspirone, 4 (MAOI)",
    ),
    Case(
        "maoi-maoi", "contraindicated", "phenelzine linezolid", "phenelzine tedizolid",
        LABEL + "tranylcypromine, 4 (other MAOIs)",
    ),
    Case(
        "maoi-like-serotonergic", "contraindicated", "linezolid sertraline", "tedizolid sertraline",
        "FDA Drug Safety Communication, linezolid and serotonergic drugs, 2011",
    ),
    Case(
        "maob-opioid-dxm", "contraindicated", "rasagiline meperidine", "rasagiline morphine",
        LABEL + "rasagiline, 4 (meperidine, tramadol, methadone, dextromethorphan)",
    ),
    Case(
        "rizatriptan-maoi", "contraindicated", "phenelzine rizatriptan", "phenelzine eletriptan",
        LABEL + "rizatriptan, 4 (MAO-A inhibitors)",
    ),
    Case(
        "vmat2-maoi", "contraindicated", "tetrabenazine phenelzine", "tetrabenazine rasagiline",
        LABEL + "tetrabenazine, 4 (MAOI)",
    ),
    # Serotonin
    Case(
        "serotonergic-pair", "major", "sertraline venlafaxine", "sertraline bupropion",
        "Boyer and Shannon 2005, N Engl J Med 352:1112-1120",
    ),
    Case(
        "serotonergic-weak-add", "moderate", "sertraline buspirone", "bupropion buspirone",
        LABEL + "buspirone, 7 (serotonergic drugs)",
    ),
    Case(
        "ssri-sjw", "major", "sertraline st-johns-wort", "sertraline valerian",
        LABEL + "sertraline, 7.1 (St John's wort)",
    ),
    Case(
        "tramadol-ssri", "major", "tramadol escitalopram", "morphine escitalopram",
        "Nelson and Philbrick 2012, Ann Pharmacother 46:1712-1716",
    ),
    Case(
        "ssri-triptan", "minor", "sertraline sumatriptan", "bupropion sumatriptan",
        "FDA alert 2006 on triptans; American Headache Society position paper 2010",
    ),
    # QT
    Case(
        "qt-known-known", "major", "citalopram haloperidol", "sertraline perphenazine",
        "AHA and ACCF scientific statement 2010 (PMC3056123)",
    ),
    Case(
        "ziprasidone-qt", "contraindicated", "ziprasidone methadone", "ziprasidone buprenorphine",
        LABEL + "ziprasidone, 4 (drugs that prolong QT)",
    ),
    Case(
        "pimozide-ssri", "contraindicated", "pimozide citalopram", "haloperidol citalopram",
        LABEL + "citalopram, 4 (pimozide)",
    ),
    Case(
        "thioridazine-2d6", "contraindicated", "thioridazine paroxetine", "perphenazine paroxetine",
        LABEL + "thioridazine, Contraindications",
    ),
    Case(
        "citalopram-2c19", "major", "citalopram omeprazole", "citalopram pantoprazole",
        "FDA Drug Safety Communication, citalopram, 2012 (20 mg with CYP2C19 inhibitors)",
    ),
    # Enzymes by strength
    Case(
        "inhibit-cyp2d6", "major", "paroxetine risperidone", "sertraline risperidone",
        LABEL + "risperidone, 7.1 (CYP2D6 inhibitors)",
    ),
    Case(
        "inhibit-cyp3a4", "major", "clarithromycin quetiapine", "azithromycin quetiapine",
        "FDA table of inhibitors and substrates, CYP3A",
    ),
    Case(
        "cyp3a4-moderate", "moderate", "diltiazem lurasidone", "amlodipine lurasidone",
        LABEL + "lurasidone, 7.1 (moderate CYP3A4 inhibitors)",
    ),
    Case(
        "induce-cyp3a4", "major", "rifampin quetiapine", "lamotrigine quetiapine",
        LABEL + "quetiapine, 7.1 (CYP3A4 inducers)",
    ),
    Case(
        "2d6-tamoxifen", "major", "paroxetine tamoxifen", "escitalopram tamoxifen",
        "Kelly 2010, BMJ 340:c693 (paroxetine with tamoxifen)",
    ),
    Case(
        "2d6-prodrug-opioid", "major", "fluoxetine codeine", "fluoxetine oxycodone",
        LABEL + "codeine, 7 (CYP2D6 inhibitors)",
    ),
    Case(
        "fluvoxamine-contra", "contraindicated", "fluvoxamine tizanidine", "fluvoxamine baclofen",
        LABEL + "fluvoxamine, 4 (tizanidine, ramelteon)",
    ),
    Case(
        "fluvoxamine-1a2", "major", "fluvoxamine clozapine", "sertraline clozapine",
        LABEL + "clozapine, 7.1 (strong CYP1A2 inhibitors)",
    ),
    Case(
        "ciprofloxacin-tizanidine", "contraindicated", "ciprofloxacin tizanidine",
        "levofloxacin tizanidine", LABEL + "ciprofloxacin, 4.2",
    ),
    Case(
        "ketoconazole-lurasidone", "contraindicated", "ketoconazole lurasidone",
        "fluconazole lurasidone", LABEL + "lurasidone, 4 (strong CYP3A4 inhibitors)",
    ),
    Case(
        "carbamazepine-nefazodone", "contraindicated", "carbamazepine nefazodone",
        "oxcarbazepine nefazodone", LABEL + "carbamazepine, 4 (nefazodone)",
    ),
    Case(
        "grapefruit-cyp3a4", "moderate", "grapefruit buspirone", "grapefruit sertraline",
        LABEL + "buspirone, 7 (grapefruit juice)",
    ),
    # Smoke
    Case(
        "smoking-stop-clozapine", "major", "clozapine", "quetiapine",
        LABEL + "clozapine, 7.1 (smoking)", QUIT, QUIT,
    ),
    Case(
        "smoking-stop-clozapine", "major", "olanzapine", "olanzapine",
        "de Leon 2005 abstract; PMC9243911 table 1", QUIT, Facts(smoking="former"),
    ),
    Case(
        "smoking-start-clozapine", "moderate", "clozapine", "clozapine",
        "PMC9243911 table 1 (tobacco smoke as inducer)", STARTED, Facts(smoking="never"),
    ),
    Case(
        "clozapine-benzodiazepine", "major", "clozapine lorazepam", "clozapine buspirone",
        LABEL + "clozapine, 5 (benzodiazepines)",
    ),
    Case(
        "clozapine-benztropine", "major", "clozapine benztropine", "clozapine sertraline",
        "FDA Drug Safety Communication, clozapine and bowel, 2020",
    ),
    # Lithium
    Case(
        "lithium-nsaid", "major", "lithium ibuprofen", "lithium aspirin",
        LABEL + "lithium, 7.1 (NSAIDs)",
    ),
    Case(
        "lithium-ace-arb", "major", "lithium lisinopril", "lithium metoprolol",
        "Juurlink 2004, J Am Geriatr Soc 52:794-798",
    ),
    Case(
        "lithium-ace-arb", "major", "lithium losartan", "lithium amlodipine",
        LABEL + "lithium, 7.1 (renin-angiotensin antagonists)",
    ),
    Case(
        "lithium-thiazide", "major", "lithium hydrochlorothiazide", "lithium furosemide",
        LABEL + "lithium, 7.1 (diuretics)",
    ),
    Case(
        "lithium-sodium-change", "major", "lithium", "lithium",
        LABEL + "lithium, 5.1 (sodium and fluid)", VOMITING, Facts(),
    ),
    Case(
        "lithium-caffeine", "moderate", "lithium caffeine", "valproate caffeine",
        "Mester 1995, Biol Psychiatry 37:348-350",
    ),
    # Lamotrigine and valproate
    Case(
        "lamotrigine-valproate", "major", "lamotrigine valproate", "lamotrigine lithium",
        LABEL + "lamotrigine, 2.1 and boxed warning",
    ),
    Case(
        "lamotrigine-estrogen", "major", "lamotrigine ethinylestradiol",
        "lamotrigine norethindrone",
        LABEL + "lamotrigine, 7 (oestrogen-containing contraceptives)",
    ),
    Case(
        "lamotrigine-inducer", "major", "lamotrigine carbamazepine", "lamotrigine oxcarbazepine",
        LABEL + "lamotrigine, 7 (table of interactions)",
    ),
    Case(
        "valproate-carbapenem-note", "major", "valproate meropenem", "valproate ciprofloxacin",
        LABEL + "valproate, 7.1 (carbapenems)",
    ),
    Case(
        "contraceptive-inducer", "major", "levonorgestrel carbamazepine",
        "levonorgestrel valproate",
        LABEL + "carbamazepine, 7 (hormonal contraceptives)",
    ),
    Case(
        "valproate-pregnancy-note", "major", "valproate", "valproate",
        "FDA Drug Safety Communication, valproate in pregnancy, 2013",
        Facts(pregnancy="trying"), Facts(pregnancy="not_applicable"),
    ),
    # Sedatives, opioids, alcohol
    Case(
        "bzd-opioid", "major", "lorazepam oxycodone", "lorazepam ibuprofen",
        "FDA boxed warning 2016, opioids with benzodiazepines",
    ),
    Case(
        "gabapentinoid-opioid", "major", "pregabalin morphine", "topiramate morphine",
        "FDA Drug Safety Communication, gabapentinoids, 2019",
    ),
    Case(
        "alcohol-cns", "major", "alcohol zolpidem", "alcohol ramelteon",
        LABEL + "zolpidem, 5 (CNS depressants)",
    ),
    Case(
        "cns-pair", "moderate", "gabapentin baclofen", "gabapentin acamprosate",
        "FDA Drug Safety Communication, gabapentinoids, 2019 (other sedatives)",
    ),
    Case(
        "cns-stack", "moderate", "gabapentin baclofen valerian", "gabapentin baclofen melatonin",
        "AGS Beers criteria 2023 count three CNS-active drugs; below 65 a product rule",
    ),
    Case(
        "cns-stack-older", "major", "gabapentin baclofen valerian", "gabapentin baclofen valerian",
        "AGS Beers criteria 2023 (three or more CNS-active drugs)",
        Facts(age_years=65), Facts(age_years=64),
    ),
    Case(
        "disulfiram-alcohol", "contraindicated", "disulfiram alcohol", "acamprosate alcohol",
        LABEL + "disulfiram, Contraindications",
    ),
    Case(
        "disulfiram-metronidazole", "contraindicated", "disulfiram metronidazole",
        "disulfiram ciprofloxacin", LABEL + "metronidazole, 4 (disulfiram)",
    ),
    Case(
        "naltrexone-opioid", "contraindicated", "naltrexone oxycodone", "naltrexone ibuprofen",
        LABEL + "naltrexone, 4 (opioid analgesics)",
    ),
    # Sums and duplicates
    Case(
        "anticholinergic-sum", "moderate", "hydroxyzine oxybutynin", "sertraline oxybutynin",
        "Anticholinergic Cognitive Burden scale, 2012 update; the sum of 3 is a product rule",
    ),
    Case(
        "anticholinergic-older", "major", "amitriptyline", "amitriptyline",
        "AGS Beers criteria 2023 (strongly anticholinergic drugs)",
        Facts(age_years=70), Facts(age_years=40),
    ),
    Case(
        "dup-class", "moderate", "sertraline escitalopram", "sertraline mirtazapine",
        "product rule; therapeutic duplication",
    ),
    Case(
        "antipsychotic-polypharmacy", "moderate", "clozapine aripiprazole", "clozapine lithium",
        "APA guideline on schizophrenia 2020; HEDIS APC",
    ),
    # Seizure, bleeding, sodium, kidney
    Case(
        "bupropion-seizure", "major", "bupropion tramadol", "bupropion morphine",
        LABEL + "bupropion, 5.3 (drugs that lower the seizure threshold)",
    ),
    Case(
        "bupropion-alcohol-withdrawal", "contraindicated", "bupropion", "sertraline",
        LABEL + "bupropion, 4 (abrupt stop of alcohol or sedatives)", DETOX, DETOX,
    ),
    Case(
        "ssri-nsaid", "moderate", "sertraline naproxen", "bupropion naproxen",
        LABEL + "sertraline, 7.1 (drugs that interfere with haemostasis)",
    ),
    Case(
        "ssri-anticoagulant", "major", "sertraline apixaban", "mirtazapine apixaban",
        LABEL + "sertraline, 5 (bleeding)",
    ),
    Case(
        "warfarin-inhibitors", "major", "warfarin fluvoxamine", "warfarin pantoprazole",
        LABEL + "fluvoxamine, 7 (warfarin)",
    ),
    Case(
        "hyponatraemia", "moderate", "sertraline hydrochlorothiazide", "sertraline amlodipine",
        LABEL + "sertraline, 5 (hyponatraemia, diuretics)",
    ),
    Case(
        "paliperidone-renal", "moderate", "lithium", "lithium",
        LABEL + "lithium, 8.6", Facts(egfr=Decimal(59)), Facts(egfr=Decimal(60)),
    ),
    Case(
        "sjw-ocp", "major", "st-johns-wort ethinylestradiol", "valerian ethinylestradiol",
        "FDA public health advisory on St John's wort, 2000",
    ),
    Case(
        "metoclopramide-antipsychotic", "major", "metoclopramide haloperidol",
        "ondansetron risperidone", LABEL + "metoclopramide, 7 (antipsychotics)",
    ),
]  # fmt: skip


def found(reference_ids: str, facts: Facts) -> dict[str, tuple[str, set[str]]]:
    entries = []
    for reference_id in reference_ids.split():
        resolved = medications.resolve(reference_id=reference_id)
        assert resolved.substance is not None, reference_id
        entries.append(Entry(reference_id, resolved))
    return {
        one.rule.id: (one.rule.severity, {part.substance.reference_id for part in one.involved})
        for one in check(entries, facts, ON).findings
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.fires}")
def test_the_rule_fires_on_its_case_and_not_on_the_near_miss(case: Case) -> None:
    assert found(case.fires, case.facts)[case.rule] == (case.severity, set(case.fires.split()))
    assert case.rule not in found(case.near_miss, case.near_facts)


def test_at_least_forty_rules_have_a_worked_case_with_a_source() -> None:
    known = {rule.id for rule in rules()}
    covered = {case.rule for case in CASES}

    assert covered <= known
    assert len(covered) >= 40
    assert all(case.source for case in CASES)


def test_the_dangerous_groups_all_have_a_case() -> None:
    covered = {case.rule for case in CASES}
    for group in ("maoi", "lithium", "lamotrigine", "smoking", "clozapine", "grapefruit", "cns"):
        assert any(rule.startswith(group) for rule in covered), group
