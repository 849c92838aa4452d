"""A Zarr store that holds each file against the seal as it is read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import Self

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore, WrapperStore

from .seal import ZarrSeal

_Request = tuple[str, BufferPrototype, ByteRequest | None]


class SealedStore(WrapperStore[LocalStore]):
    """Folder of a store in which a file that is lost, new or another is an error that names it."""

    def __init__(self, store: LocalStore, seal: ZarrSeal) -> None:
        super().__init__(store)
        self._seal = seal

    def _with_store(self, store: LocalStore) -> Self:
        return type(self)(store, self._seal)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Content of a file, once it is known to be what was stored."""
        found = await self._store.get(key, prototype)
        self._seal.check(key, None if found is None else found.to_bytes())
        return found if byte_range is None else await self._store.get(key, prototype, byte_range)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Parts of files, each checked as a whole."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def _get_many(
        self, requests: Iterable[_Request]
    ) -> AsyncGenerator[tuple[str, Buffer | None], None]:
        for key, prototype, part in requests:
            yield key, await self.get(key, prototype, part)
