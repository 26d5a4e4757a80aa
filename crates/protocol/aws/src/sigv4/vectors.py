"""Writes vectors.json: requests signed by botocore, for the tests beside this file.

    pip install botocore==1.43.11 && python3 vectors.py > vectors.json
"""

import datetime
import json

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

AT = datetime.datetime(2026, 11, 22, 8, 50, 13, tzinfo=datetime.timezone.utc)
botocore.auth.get_current_datetime = lambda *_, **__: AT
KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a/session+token=="

JSON = {"Content-Type": "application/x-amz-json-1.1"}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
HOST = "http://127.0.0.1:4566"

# name, signer, service, region, method, url, headers, body, with a session token
HEADER = [
    ("kinesis put_record", "kinesis", "us-east-1", "POST", f"{HOST}/",
     {**JSON, "X-Amz-Target": "Kinesis_20131202.PutRecord"}, '{"StreamName":"flights"}', False),
    ("glue with a token", "glue", "ap-northeast-2", "POST", f"{HOST}/",
     {**JSON, "X-Amz-Target": "AWSGlue.GetTable"}, "{}", True),
    ("sts form", "sts", "eu-west-1", "POST", f"{HOST}/", FORM, "Action=GetCallerIdentity&Version=2011-06-15", False),
    ("a query to be sorted and encoded", "execute-api", "us-east-1", "GET",
     f"{HOST}/v1/things?b=2&a=x%20y&a=%2Fslash&c=&%E1%88%B4=bar", {}, "", False),
    ("a path to be encoded again", "execute-api", "us-east-1", "GET", f"{HOST}/a%20b/k%C3%A4se/~x", {}, "", True),
    ("a path to be normalized", "execute-api", "us-east-1", "GET", f"{HOST}/a//b/../c/", {}, "", False),
    ("header values with blanks", "firehose", "us-east-1", "POST", f"{HOST}/",
     {**JSON, "X-Amz-Target": "Firehose_20150804.PutRecord", "X-Amz-Meta": "  a   b  c "}, "{ }", False),
    ("not ascii in the body", "athena", "us-west-2", "POST", f"{HOST}/",
     {**JSON, "X-Amz-Target": "AmazonAthena.StartQueryExecution"}, '{"QueryString":"SELECT \'물길\'"}', False),
]
PRESIGNED = [
    ("sts caller identity", "sts", "us-east-1", "GET", f"{HOST}/?Action=GetCallerIdentity&Version=2011-06-15", {}, "", False),
    ("sts with a token and a cluster name", "sts", "us-east-1", "GET",
     f"{HOST}/?Action=GetCallerIdentity&Version=2011-06-15", {"x-k8s-aws-id": "cluster"}, "", True),
]
S3 = [
    ("an object with a difficult key", "s3", "us-east-1", "GET", f"{HOST}/bucket/a%20b//c%2B%3D/..%20x", {}, "", False),
    ("an object put with metadata", "s3", "us-east-1", "PUT", f"{HOST}/bucket/key", {"x-amz-meta-a": "1"}, "body", True),
]


def vector(kind, signer, case):
    name, service, region, method, url, headers, body, with_token = case
    credentials = Credentials(KEY, SECRET, TOKEN if with_token else None)
    request = AWSRequest(method=method, url=url, headers=headers, data=body.encode())
    signer(credentials, service, region).add_auth(request)
    sent = {name: value for name, value in request.headers.items()}
    sent.setdefault("host", "127.0.0.1:4566")
    uri = request.url.removeprefix(HOST)
    return {"name": name, "kind": kind, "service": service, "region": region, "method": method,
            "uri": uri, "headers": sent, "body": body, "token": TOKEN if with_token else None}


vectors = [vector("header", botocore.auth.SigV4Auth, case) for case in HEADER]
vectors += [vector("presigned", lambda *a: botocore.auth.SigV4QueryAuth(*a, expires=900), case) for case in PRESIGNED]
vectors += [vector("s3", botocore.auth.S3SigV4Auth, case) for case in S3]
how = "signed by botocore 1.43.11 at 2026-11-22T08:50:13Z; see vectors.py"
print(json.dumps({"how": how, "access_key": KEY, "secret": SECRET, "vectors": vectors}, indent=1, ensure_ascii=False))
