"""A serving process carries numpy, and none of the libraries that only give second opinions."""

import os
import subprocess
import sys
from pathlib import Path

HEAVY = (
    "scipy",
    "statsmodels",
    "pandas",
    "pymannkendall",
    "ruptures",
    "sklearn",
    "matplotlib",
    "hypothesis",
    "pytest",
    "playwright",
    "schemathesis",
)
PROGRAM = """
import sys
from pathlib import Path
from app.main import create_app
from app.settings import Settings
from tests.trends.slices import EXAMPLE, TREATED, daily, read, readings

create_app(Settings(database_url=f"sqlite:///{sys.argv[1]}/x.sqlite3", data_dir=Path(sys.argv[1])))
read([*readings("phq-9.total", EXAMPLE), *daily("mood_cognition.mood", [5, 7] * 40)], [TREATED])
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_the_serving_process_imports_none_of_the_heavy_libraries(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        cwd=root,
        env={"PYTHONPATH": str(root), "PATH": os.environ.get("PATH", "")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    loaded = set(done.stdout.split())
    assert "numpy" in loaded
    assert loaded.isdisjoint(HEAVY), loaded & set(HEAVY)
