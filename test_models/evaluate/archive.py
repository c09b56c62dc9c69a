"""A ZIP that a person drops, without unpacking it to a disk: a file is read when it is needed."""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from test_models.calls import ServiceError

FACTOR = 20  # what a ZIP may hold, unpacked, to what a file may have
UTF8 = 0x800  # the flag of a member whose name is in UTF-8
Load = Callable[[], bytes]


class Archive:
    """What is in a ZIP.

    Args:
        content: the ZIP.
        limit: bytes that a file may have; all of them together may have `FACTOR` times as many.

    Attributes:
        names: paths of its files, as the ZIP has them.
        files: what reads a file, by its path.

    Raises:
        ServiceError: it is no ZIP, holds too much, or a path leads out of it.
    """

    def __init__(self, content: bytes, limit: int) -> None:
        try:
            archive = zipfile.ZipFile(io.BytesIO(content))
        # zipfile's NotImplementedError: a newer version of ZIP than it reads
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise ServiceError(f"The ZIP can't be read: {error}.") from error
        members = [one for one in archive.infolist() if not one.is_dir()]
        members = [one for one in members if not _hidden(one.filename)]
        for one in members:
            if one.filename.startswith("/") or ".." in PurePosixPath(plain(one.filename)).parts:
                raise ServiceError(f"The ZIP has a file with a path out of it: '{one.filename}'.")
        if sum(one.file_size for one in members) > FACTOR * limit:
            size = f"{limit / 1e6:g} MB"
            raise ServiceError(f"The ZIP holds more than {FACTOR} times what a file may, {size}.")
        self.names = [plain(one.filename) for one in members]
        self.files: dict[str, Load] = {}
        for one in members:
            for name in _names(one):
                self.files.setdefault(name, _loader(archive, one, limit))

    def below(self, folder: PurePosixPath) -> dict[str, Load]:
        """The files by their paths, and those of a folder also by theirs from there on."""
        paths = ((PurePosixPath(name), load) for name, load in self.files.items())
        near = {str(p.relative_to(folder)): load for p, load in paths if p.is_relative_to(folder)}
        return {**self.files, **near}


def plain(name: str) -> str:
    """A path as it is looked up."""
    return name.strip().replace("\\", "/").removeprefix("./")


def _loader(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> Load:
    """Reads a file; `zipfile` never reads more than the ZIP says that it has."""

    def load() -> bytes:
        if member.file_size > limit:
            raise ServiceError(f"It is larger than {limit / 1e6:g} MB.")
        try:
            return archive.read(member)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError) as error:
            raise ServiceError(f"It can't be unpacked: {error}.") from error

    return load


def _names(member: zipfile.ZipInfo) -> Iterator[str]:
    """A file's path; Windows in China writes it in GBK, which a ZIP doesn't say."""
    yield plain(member.filename)
    if not member.flag_bits & UTF8:
        try:
            yield plain(member.filename.encode("cp437").decode("gb18030"))
        except UnicodeError:
            return


def _hidden(name: str) -> bool:
    """Whether an operating system put it there."""
    parts = PurePosixPath(plain(name)).parts
    return "__MACOSX" in parts or any(one.startswith(".") and one != ".." for one in parts)
