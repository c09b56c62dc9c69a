"""Certificates for the loopback interface, made anew for every run of the tests."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

AUTHORITY = "Test authority"


@dataclass(frozen=True)
class Certificates:
    """Files in PEM: an authority, the gateway's pair, our pair, and one of somebody else's.

    Attributes:
        both: both authorities; a server that knows both sees whose certificate a client has.
    """

    ca: Path
    server: tuple[Path, Path]
    client: tuple[Path, Path]
    stranger: tuple[Path, Path]
    stranger_ca: Path
    both: Path


def make(folder: Path) -> Certificates:
    """Writes them all."""
    ca, ca_key = _authority(AUTHORITY)
    other, other_key = _authority("Another authority")
    both = folder / "both.pem"
    both.write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (ca, other)))
    return Certificates(
        _write(folder / "ca.pem", ca),
        _signed(folder, "server", ca, ca_key),
        _signed(folder, "client", ca, ca_key),
        _signed(folder, "stranger", other, other_key),
        _write(folder / "stranger-ca.pem", other),
        both,
    )


def _authority(name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = _builder(subject, subject, key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    return made.sign(key, hashes.SHA256()), key


def _signed(
    folder: Path, name: str, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey
) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    loopback = x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))
    made = _builder(subject, ca.subject, key).add_extension(
        x509.SubjectAlternativeName([loopback]), critical=False
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / f"{name}.key"
    file.write_bytes(private)
    return _write(folder / f"{name}.pem", made.sign(ca_key, hashes.SHA256())), file


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
    )


def _write(path: Path, certificate: x509.Certificate) -> Path:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path
