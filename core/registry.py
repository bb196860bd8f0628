"""Adding is one file: a package of modules, each declaring one object, collected once and frozen."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")


class Registry(Generic[T], Mapping[str, T]):
    """The declared objects of one package by their `code`, in order of code.

    Every module of the package declares exactly one instance of `kind` (under any name). A module without
    one, with two, or with a code already taken raises ImproperlyConfigured at first use.
    """

    def __init__(self, package: str, kind: type[T], *, skip: tuple[str, ...] = ("base",)) -> None:
        self._package = package
        self._kind = kind
        self._skip = skip
        self._found: dict[str, T] | None = None

    def _all(self) -> dict[str, T]:
        if self._found is None:
            self._found = self._collect()
        return self._found

    def _collect(self) -> dict[str, T]:
        package = importlib.import_module(self._package)
        found: dict[str, T] = {}
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
            if info.name in self._skip or info.name.startswith("_"):
                continue
            module = importlib.import_module(f"{self._package}.{info.name}")
            declared = [value for value in vars(module).values() if isinstance(value, self._kind)]
            if len(declared) != 1:
                raise ImproperlyConfigured(
                    f"{module.__name__} declares {len(declared)} {self._kind.__name__} objects, not one"
                )
            code = declared[0].code  # type: ignore[attr-defined]
            if code in found:
                raise ImproperlyConfigured(f"{module.__name__} declares the code {code} again")
            found[code] = declared[0]
        return dict(sorted(found.items()))

    def __getitem__(self, code: str) -> T:
        return self._all()[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
