"""What routes are given: the services of the app, one transaction, and who calls."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Path, Query, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import APIKeyCookie, HTTPBearer
from sqlalchemy.orm import Session

from api.gate import COOKIE
from api.schemas import Text
from api.services import Services
from api.store.accounts import Caller
from api.store.transactions import transaction


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _session(services: Annotated[Services, Depends(_services)]) -> Iterator[Session]:
    with transaction(services.engine) as session:
        yield session


def _caller(
    request: Request,
    _cookie: Annotated[str | None, Security(APIKeyCookie(name=COOKIE, auto_error=False))],
    _key: Annotated[object, Security(HTTPBearer(auto_error=False))],
) -> Caller:
    # Both were looked at by the gate; they stand here for the OpenAPI document.
    caller: Caller = request.state.caller
    return caller


def client_address(request: Request) -> str:
    """Return the network address of the caller."""
    return request.client.host if request.client is not None else "unknown"


AppServices = Annotated[Services, Depends(_services)]

# "function": committed before the answer is sent, so that an answer of success is one.
Transaction = Annotated[Session, Depends(_session, scope="function")]

SignedIn = Annotated[Caller, Depends(_caller)]

Client = Annotated[str, Depends(client_address)]


def _lookup_caller(request: Request, services: AppServices, caller: SignedIn) -> Caller:
    # Left out, a misspelt as_of would be answered by today's version, and nobody would notice.
    known = {parameter.alias for parameter in request.scope["route"].dependant.query_params}
    if unknown := [name for name in request.query_params if name not in known]:
        raise RequestValidationError(
            [
                {"type": "extra_forbidden", "loc": ("query", name), "msg": "no such parameter"}
                for name in unknown
            ]
        )
    services.limit("lookup", services.settings.lookups_per_minute, caller.name)
    return caller


LookupCaller = Annotated[Caller, Depends(_lookup_caller)]
"""The caller of a route that answers about places: counted against the limit of lookups, and asking what is known."""

# Addresses of routes. Their examples make those of /docs runnable on the demo's data.
PathVersion = Annotated[str, Path(description="版本号", examples=["zhuanqiao-v1"])]
PathTerritory = Annotated[str, Path(description="辖区编码", examples=["zhuanqiao"])]
PathLevel = Annotated[str, Path(description="层级编码", examples=["grid"])]
PathZone = Annotated[str, Path(description="网格编码", examples=["310112103001001"])]
QueryLevel = Annotated[Text, Query(description="层级编码", max_length=40, examples=["grid"])]
