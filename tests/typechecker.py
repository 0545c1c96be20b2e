"""The type checker of the test run: beartype, where `float` admits `int`, as PEP 484 has it and pyright reads it."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
