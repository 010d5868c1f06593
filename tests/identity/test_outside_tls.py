"""An outside OpenID issuer as it is met: keys over TLS, keys that change, and one that is away."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from app.core.clock import now
from app.identity import service as identity
from app.identity.outside import published_keys, readable
from app.main import create_app
from app.settings import Settings
from tests.conftest import Caller, Clinic, TestClock
from tests.server import Server

DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"
FIRST = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
SECOND = ECKey.generate_key("P-256", {"kid": "second", "use": "sig"})
FOR_ENCRYPTION = RSAKey.generate_key(2048, {"kid": "enc", "use": "enc"})
_SAME = FOR_ENCRYPTION.as_dict(private=True)
SIGNS_ALL_THE_SAME = RSAKey.import_key({name: _SAME[name] for name in _SAME if name != "use"})
UNKNOWN = {"kty": "EC", "crv": "P-0", "x": "AA", "y": "AA", "kid": "odd"}


class Login:
    """The issuer: what it answers by path, on one port whether it serves just now or not."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "issuer.pem"
        _certify(self.certificate)
        self.answers: dict[str, tuple[int, dict[str, str], Any]] = {}
        with self._bound(0) as server:
            self.port = server.server_address[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self.publish(FIRST)
        self.answers[DISCOVERY] = (
            200,
            {},
            {"issuer": self.url, "jwks_uri": self.url + KEYS},
        )

    def publish(self, *keys: Any) -> None:
        public = [key.as_dict(private=False) for key in keys]
        told = {"keys": [UNKNOWN, "no key", FOR_ENCRYPTION.as_dict(private=False), *public]}
        self.answers[KEYS] = (200, {}, told)

    def _bound(self, port: int) -> ThreadingHTTPServer:
        answers = self.answers

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = answers.get(self.path, (404, {}, {}))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body if isinstance(body, bytes) else orjson.dumps(body))

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        return ThreadingHTTPServer(("127.0.0.1", port), Handler)

    @contextmanager
    def serving(self) -> Iterator[None]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        with self._bound(self.port) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join(timeout=10)


def _certify(file: Path) -> None:
    """Make a certificate of the loopback address that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))


@pytest.fixture
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Login:
    made = Login(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.certificate))
    return made


@contextmanager
def _started(login: Login, url: str, folder: Path, clock: TestClock) -> Iterator[Clinic]:
    """Start the service by its settings alone."""
    settings = Settings(database_url=url, data_dir=folder, oidc_issuer=login.url)
    app = create_app(settings, clock)
    with Server(app) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        clinic = Clinic(app, http, clock)
        body = {"id": str(uuid4()), "name": "Dr Example", "role": "prescriber", "subject": "7"}
        made = clinic.as_("administrator")("POST", "/v1/users", body)
        assert made.status_code == 201, made.text
        yield clinic


def _status(clinic: Clinic, login: Login, key: Any, /, **changed: Any) -> int:
    """Ask with a new token that the issuer signed with a key."""
    moment = int(clinic.clock().timestamp())
    claims = {
        "iss": login.url,
        "aud": "titrate",
        "sub": "7",
        "iat": moment,
        "exp": moment + 600,
        "jti": str(uuid4()),
        "clinic": str(identity.DEFAULT_CLINIC),
        "role": "prescriber",
        "scope": "user/*.rs",
    } | changed
    alg = "RS256" if isinstance(key, RSAKey) else "ES256"
    token = jwt.encode({"alg": alg, "typ": "at+jwt", "kid": key.kid}, claims, key)
    return Caller(clinic.http, token)("GET", "/v1/patients").status_code


def _in_the_end(ask: Callable[[], int], status: int) -> bool:
    """Ask again until the keys, which are fetched beside, have come."""
    deadline = now() + timedelta(seconds=60)
    while now() < deadline:
        if ask() == status:
            return True
    return False


def test_a_member_comes_in_by_the_keys_that_the_issuer_publishes_and_nobody_else(
    login: Login, database_url: str, tmp_path: Path, clock: TestClock
) -> None:
    with login.serving(), _started(login, database_url, tmp_path, clock) as clinic:
        assert _status(clinic, login, FIRST) == 200
        wrong: dict[str, Any] = {
            "audience": {"aud": "another-service"},
            "several audiences": {"aud": ["titrate", "another-service"]},
            "issuer": {"iss": "https://evil.example"},
            "our own name": {"iss": "titrate"},
            "subject": {"sub": "8"},
            "role": {"role": "administrator"},
            "clinic": {"clinic": str(uuid4())},
            "an ID token": {"nonce": "n"},
            "over": {"exp": int(clock().timestamp()) - 60, "iat": int(clock().timestamp()) - 90},
            "no scope": {"scope": "openid"},
        }
        let_in = [
            name
            for name, one in wrong.items()
            if _status(clinic, login, FIRST, **one) != (403 if name == "role" else 401)
        ]
        assert let_in == []
        assert _status(clinic, login, SECOND) == 401
        assert _status(clinic, login, SIGNS_ALL_THE_SAME) == 401
        assert clinic.as_("prescriber")("GET", "/v1/patients").status_code == 200


def test_a_key_that_is_new_opens_and_one_that_was_taken_back_does_not(
    login: Login, database_url: str, tmp_path: Path, clock: TestClock
) -> None:
    with login.serving(), _started(login, database_url, tmp_path, clock) as clinic:
        assert _status(clinic, login, FIRST) == 200
        login.publish(SECOND)

        assert _in_the_end(lambda: _status(clinic, login, SECOND), 200)
        assert _status(clinic, login, FIRST) == 401


def test_a_key_that_was_taken_back_opens_for_an_hour_at_most(
    login: Login, database_url: str, tmp_path: Path, clock: TestClock
) -> None:
    with login.serving(), _started(login, database_url, tmp_path, clock) as clinic:
        outside = clinic.app.state.verified._issuer.outside
        login.publish(SECOND)
        assert _status(clinic, login, FIRST) == 200

        outside._fetched -= 3601

        assert _in_the_end(lambda: _status(clinic, login, FIRST), 401)


def test_an_issuer_that_is_away_stops_nobody_who_is_known(
    login: Login, database_url: str, tmp_path: Path, clock: TestClock
) -> None:
    with login.serving():
        started = _started(login, database_url, tmp_path, clock)
        clinic = started.__enter__()
    try:
        assert _status(clinic, login, FIRST) == 200
        assert _status(clinic, login, SECOND) == 401
        assert _status(clinic, login, FIRST) == 200
    finally:
        started.__exit__(None, None, None)


def test_the_service_starts_without_its_issuer_and_finds_it_when_it_is_there(
    login: Login, database_url: str, tmp_path: Path, clock: TestClock
) -> None:
    with _started(login, database_url, tmp_path, clock) as clinic:
        assert clinic.as_("prescriber")("GET", "/v1/patients").status_code == 200
        with login.serving():
            assert _in_the_end(lambda: _status(clinic, login, FIRST), 200)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (DISCOVERY, (200, {}, {"issuer": "https://evil.example", "jwks_uri": "https://e.example"})),
        (DISCOVERY, (302, {"Location": "https://evil.example"}, {})),
        (DISCOVERY, (200, {}, b"<html>")),
        (DISCOVERY, (200, {}, [])),
        (DISCOVERY, (500, {}, {})),
        (KEYS, (302, {"Location": "https://evil.example"}, {})),
        (KEYS, (503, {}, {})),
        (KEYS, (200, {}, {"no keys": []})),
        (KEYS, (200, {}, [])),
    ],
)
def test_what_is_no_answer_of_the_issuer_gives_no_keys(
    login: Login, path: str, answer: tuple[int, dict[str, str], Any]
) -> None:
    login.answers[path] = answer
    with (
        login.serving(),
        pytest.raises((httpx.HTTPError, KeyError, TypeError, ValueError)),
    ):
        readable(published_keys(login.url))


@pytest.mark.parametrize("address", ["http://127.0.0.1/keys", "https://[", "keys"])
def test_keys_come_over_tls_alone(login: Login, address: str) -> None:
    login.answers[DISCOVERY] = (200, {}, {"issuer": login.url, "jwks_uri": address})
    with (
        login.serving(),
        pytest.raises((httpx.HTTPError, httpx.InvalidURL, ValueError)),
    ):
        published_keys(login.url)


def test_a_certificate_that_nobody_vouches_for_is_no_issuers(
    login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with login.serving(), pytest.raises(httpx.ConnectError):
        published_keys(login.url)
