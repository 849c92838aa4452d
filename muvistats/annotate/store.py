"""Where a study's data lies: sessions, ratings and personal data, each part a file of its own."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..files import locked, recovered, write_whole
from .records import Part, Study, check_study, file_name, load

#: Folders of the store; personal data stands apart, so that ratings can be shared without it.
SESSIONS, RATINGS, PERSONAL = "sessions", "ratings", "personal"


class Store:
    """Data of a running study, on disk.

    Parameters
    ----------
    folder : Path
        Where the data lies; made where it is not there.
    study : mapping
        The study as `study.json` of the page holds it; that of the folder where not given.
    """

    def __init__(self, folder: Path, study: Study | None = None) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        place = folder / "study.json"
        if not place.exists():
            if study is None:
                raise DataError("no data of a study", file=folder, expected="a file study.json")
            for name in (SESSIONS, RATINGS, PERSONAL):
                (folder / name).mkdir(parents=True, exist_ok=True)
            write_json(place, study)
        self.study = check_study(load(place), place)
        if study is not None and study["id"] != self.study["id"]:
            raise DataError("holds the data of another study; name another folder", file=folder)

    def start(self, participant: str | None, token: str) -> str | None:
        """The participant whose key this is, or the next free list; None where there is none."""
        with self._alone():
            for name in self.study["lists"] if participant is None else (participant,):
                if self.is_key(name, token):
                    return name
            for name in self.study["lists"] if participant is None else (participant,):
                if self._claim(name, token):
                    return name
        return None

    def _claim(self, participant: str, token: str) -> bool:
        """Give a list to a key, where nobody has it, also where folders cannot be locked."""
        session = {
            "participant": participant,
            "key": _hashed(token),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        place = self._session(participant)
        try:
            with place.open("x", encoding="utf-8") as stream:
                json.dump(session, stream)
                stream.flush()
                os.fsync(stream.fileno())
        except FileExistsError:
            return False
        except OSError:
            place.unlink(missing_ok=True)  # a full disk costs no list
            raise
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other thread, and no other process where folders can be locked."""
        with self._lock, locked(self.folder, wait=True):
            yield

    def is_key(self, participant: str, token: str) -> bool:
        """Whether this is the key of this participant."""
        place = self._session(participant)
        try:
            session = load(place)
        except DataError:
            return False
        return hmac.compare_digest(str(session.get("key", "")), _hashed(token))

    def done(self, participant: str) -> list[int | str]:
        """Parts that are stored: numbers of trials, `personal` and `final`."""
        ratings = self.folder / RATINGS / file_name(participant)
        found: list[int | str] = [
            int(path.stem.removeprefix("trial-")) for path in sorted(ratings.glob("trial-*.json"))
        ]
        found += ["final"] if (ratings / "final.json").exists() else []
        found += ["personal"] if self._personal(participant).exists() else []
        return found

    def save(self, part: Part, token: str | None = None) -> bool:
        """Store a part that was checked, whole and on the disk; one that is there stays.

        False, and nothing stored, where a key is given that is not the participant's any more.
        """
        participant = part["participant"]
        name = f"trial-{part['trial']:03d}" if part["kind"] == "trial" else part["kind"]
        place = self.folder / RATINGS / file_name(participant) / f"{name}.json"
        if part["kind"] == "personal":
            place = self._personal(participant)
        with self._alone():
            if token is not None and not self.is_key(participant, token):
                return False
            if not place.exists():
                write_json(place, part)
        return True

    def delete(self, participant: str, *, reopen: bool = False) -> int:
        """Remove all that is stored of a participant; the number of files that went.

        The list stays given out, without key or data, unless it is opened again. Files that
        participants saved go as well.
        """
        if participant not in self.study["lists"]:
            raise DataError("no such participant", file=self.folder, found=participant)
        ratings = self.folder / RATINGS / file_name(participant)
        session, personal = self._session(participant), self._personal(participant)
        with self._alone():
            own = [
                place for place, whole in self.files() if whole.get("participant") == participant
            ]
            count = len(list(ratings.glob("*.json"))) + personal.exists() + len(own)
            # without its key nothing more comes in
            if reopen:
                session.unlink(missing_ok=True)
            elif session.parent.is_dir():
                write_json(session, {"participant": participant, "deleted": True})
            if ratings.exists():
                shutil.rmtree(ratings)
            for place in (personal, *own):
                recovered(place).unlink(missing_ok=True)  # what a killed server left of it as well
        return count

    def parts(self) -> Iterator[tuple[Path, Any]]:
        """Files of everybody with their values, in the order of their names."""
        for place in sorted(
            [*(self.folder / RATINGS).glob("*/*.json"), *(self.folder / PERSONAL).glob("*.json")]
        ):
            if not place.name.startswith("."):
                yield place, load(place)

    def files(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Files of whole participants, as they save them, beside `study.json`."""
        for place in sorted(self.folder.glob("*.json")):
            if place.name == "study.json" or place.name.startswith("."):
                continue
            whole = load(place)
            if not isinstance(whole, dict) or not isinstance(whole.get("parts"), list):
                raise DataError("not the file of a participant", file=place, expected="parts")
            if whole.get("study") != self.study["id"]:
                raise DataError(
                    "file belongs to another study", file=place, found=whole.get("study")
                )
            yield place, whole

    def _session(self, participant: str) -> Path:
        return self.folder / SESSIONS / f"{file_name(participant)}.json"

    def _personal(self, participant: str) -> Path:
        return self.folder / PERSONAL / f"{file_name(participant)}.json"


def write_json(place: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file, which has its name only when it is whole and on the disk."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    write_whole(place, lambda stream: stream.write(text.encode("utf-8", "surrogatepass")))


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
