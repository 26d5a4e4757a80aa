"""STS: who am I."""


def test_the_caller_is_the_local_account(server):
    identity = server.client("sts").get_caller_identity()
    assert identity["Account"] == "000000000000"
    assert identity["Arn"] == "arn:aws:iam::000000000000:root"
    assert identity["UserId"]


def test_an_account_can_be_chosen_at_start(own_server):
    server = own_server("--account", "123456789012")
    assert server.client("sts").get_caller_identity()["Account"] == "123456789012"
