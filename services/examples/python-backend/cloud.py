"""What the backend reads from AWS and proves about its database, with the standard library alone."""

import datetime
import hashlib
import hmac
import json
import os
import socket
import ssl
import struct
import urllib.parse
import urllib.request

TIMEOUT = 5  # seconds for each step of anything below


def secret(arn):
    """Return a secret of Secrets Manager, which is a JSON object. Reads it anew each time: secrets rotate."""
    region = arn.split(":")[3]
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    url = os.environ.get("AWS_ENDPOINT_URL_SECRETS_MANAGER", f"https://secretsmanager.{region}.{domain}")
    body = json.dumps({"SecretId": arn}).encode()
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "secretsmanager.GetSecretValue"}
    headers = sign(url, headers, body, region, "secretsmanager", credentials())
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=TIMEOUT) as answer:
        return json.loads(json.load(answer)["SecretString"])


def credentials():
    """Return (id, key, session token): of the environment, or of the instance's role (IMDSv2)."""
    if "AWS_ACCESS_KEY_ID" in os.environ:
        names = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
        return tuple(os.environ.get(name, "") for name in names)
    base = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254").rstrip("/") + "/latest/"

    def ask(path, method="GET", **headers):
        request = urllib.request.Request(base + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return answer.read().decode()

    token = {"X-aws-ec2-metadata-token": ask("api/token", "PUT", **{"X-aws-ec2-metadata-token-ttl-seconds": "60"})}
    path = "meta-data/iam/security-credentials/"
    found = json.loads(ask(path + ask(path, **token).strip(), **token))
    return found["AccessKeyId"], found["SecretAccessKey"], found["Token"]


def sign(url, headers, body, region, service, keys):
    """Return the headers of a POST with AWS's signature, version 4."""
    key_id, key, token = keys
    now = datetime.datetime.now(datetime.timezone.utc)
    at, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    parts = urllib.parse.urlsplit(url)
    headers = dict(headers, host=parts.netloc, **{"x-amz-date": at})
    if token:
        headers["x-amz-security-token"] = token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join(["POST", parts.path or "/", parts.query, lines, names, hashlib.sha256(body).hexdigest()])
    scope = f"{day}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", at, scope, hashlib.sha256(request.encode()).hexdigest()])
    signing = ("AWS4" + key).encode()
    for step in scope.split("/"):
        signing = hmac.digest(signing, step.encode(), "sha256")
    signature = hmac.digest(signing, text.encode(), "sha256").hex()
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return headers


def check_database(host, port, ca_file):
    """Raise an error unless a PostgreSQL server answers at host:port and, with ca_file, proves by TLS that it is that host.

    A driver of PostgreSQL would log in from here on (sslmode=verify-full, sslrootcert=ca_file); the standard library has none.
    """
    with socket.create_connection((host, int(port)), timeout=TIMEOUT) as plain:
        plain.sendall(struct.pack("!II", 8, 80877103))  # SSLRequest
        answer = plain.recv(1)
        if answer not in (b"S", b"N"):
            raise OSError(f"no PostgreSQL server at {host}:{port}")
        if ca_file:
            if answer != b"S":
                raise OSError(f"the database at {host}:{port} offers no TLS")
            ssl.create_default_context(cafile=ca_file).wrap_socket(plain, server_hostname=host).close()
