"""What the faces have in common: options that are checked, told in our words, and never changed one by one."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ModelWrapValidatorHandler, PrivateAttr, ValidationError, model_validator

from sentinel.errors import ConfigurationError, unknown_name

RELOADING = Lock()
"""One reload at a time in the process: each takes over what the one before it left."""


class Face(BaseModel):
    """A LangChain component whose options make up one configuration.

    Attributes:
        framework: LangChain's class; the fields that are its own (tags, metadata) may be set.
        called: Options that outlive a reload while the configuration calls them the same, and where that name is kept.
    """

    framework: ClassVar[type[BaseModel]]
    called: ClassVar[Mapping[str, str]] = {}

    _given: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _in_our_words(cls, options: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(options)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else "options"
            if first["type"] == "extra_forbidden":
                raise unknown_name("option", name, cls.model_fields) from None
            if first["type"] == "missing":
                raise ConfigurationError(f"{name} is missing") from None
            raise ConfigurationError(f"{name} = {first['input']!r:.80}: {first['msg']}") from None

    @classmethod
    def own_fields(cls) -> set[str]:
        """The names of the options that are not LangChain's."""
        return cls.model_fields.keys() - cls.framework.model_fields.keys()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.own_fields():
            raise ConfigurationError(
                f"{name} cannot be set on a {type(self).__name__} in use; reload() changes its configuration"
            )
        super().__setattr__(name, value)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Another one with some options changed; what stays the same is shared."""
        if not update:
            return super().model_copy(deep=deep)
        made = type(self)(**{**{name: self.__dict__[name] for name in type(self).model_fields}, **update})
        # What a configuration gave is not what the program gave, though both reach the copy as objects.
        stayed = {name: value for name, value in self._given.items() if name not in update}
        made._given = stayed | {name: made._given[name] for name in update if name in made._given}
        for option, name in self.called.items():
            if option not in update:
                setattr(made, name, getattr(self, name))
        return made
