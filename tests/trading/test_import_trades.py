"""`import_trades`: files in, booked once; what is no trade is set aside with its reason."""

import csv
import gzip
import io
import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from apps.tenants.models import Tenant
from apps.trading import services
from apps.trading.management.tape import guess_terms, symbol_of
from apps.trading.models import ClientAccount, Instrument, Trade
from tests.trading.cast import count, fold, open_account, query

HEADER = "time,trade_id,price,quantity,aggressor_side"
ROWS = [
    "2024-08-08T23:54:15.342Z,101,61837.63000000,0.02000000,sell",
    "2024-08-08T23:54:15.617Z,102,61837.64000000,0.04800000,buy",
    "2024-08-08T23:54:16.000Z,103,61837.65000000,0.00100000,buy",
]
NAME = "trades_BTC-USDT.SPOT_20240808.csv"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write lines to a file of trades."""

    def make(*lines: str | bytes, name: str = NAME, header: str = HEADER) -> Path:
        path = tmp_path / name
        data = b"".join(
            (line.encode() if isinstance(line, str) else line) + b"\n" for line in (header, *lines)
        )
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return make


def run(path: Path, **options: Any) -> dict[str, Any]:
    """The command's JSON answer."""
    out = io.StringIO()
    call_command("import_trades", path, tenant="acme", json=True, stdout=out, **options)
    found = json.loads(out.getvalue())
    assert found.pop("seconds") >= 0
    return found


def counts(accepted: int = 0, replayed: int = 0, rejected: int = 0) -> dict[str, int]:
    return {"accepted": accepted, "replayed": replayed, "rejected": rejected}


def rejects(path: Path) -> list[dict[str, str]]:
    with path.with_name(f"{path.name}.rejects.csv").open(newline="") as file:
        return list(csv.DictReader(file))


class TestBooking:
    def test_lists_opens_and_books(self, tenant: Tenant, write: Callable[..., Path]) -> None:
        path = write(*ROWS)
        assert run(path, accounts=2) == counts(accepted=3)
        rows = Trade.objects.order_by("external_id").values_list(
            "external_id", "account__number", "side", "quantity", "price", "source"
        )
        source = "file:BTC-USDT.SPOT"
        assert list(rows) == [
            ("101", "ACC-0002", "sell", Decimal("0.02"), Decimal("61837.63"), source),
            ("102", "ACC-0001", "buy", Decimal("0.048"), Decimal("61837.64"), source),
            ("103", "ACC-0002", "buy", Decimal("0.001"), Decimal("61837.65"), source),
        ]
        listed = Instrument.objects.get()
        assert (listed.symbol, listed.kind, listed.currency) == ("BTC-USDT.SPOT", "crypto", "USDT")
        assert (listed.last_price, listed.last_price_at.isoformat()) == (
            Decimal("61837.65"), "2024-08-08T23:54:16+00:00"
        )  # fmt: skip
        assert count("trading_clientaccount") == 2
        assert not path.with_name(f"{path.name}.rejects.csv").exists()

    def test_again_is_replayed(self, tenant: Tenant, write: Callable[..., Path]) -> None:
        path = write(*ROWS)
        run(path, accounts=2)
        assert run(path, accounts=2) == counts(replayed=3)
        assert count("trading_trade") == 3

    def test_goes_on_where_it_stopped(self, tenant: Tenant, write: Callable[..., Path]) -> None:
        run(write(*ROWS[:2]), accounts=2)
        assert run(write(*ROWS), accounts=2) == counts(accepted=1, replayed=2)

    def test_reads_gzip_whatever_its_name(
        self, tenant: Tenant, write: Callable[..., Path], tmp_path: Path
    ) -> None:
        path = write(*ROWS, name=f"{NAME}.gz")
        assert run(path) == counts(accepted=3)
        plain = tmp_path / "tape.csv"
        plain.write_bytes(path.read_bytes())
        assert run(plain, instrument="OTHER-USDT") == counts(accepted=3)

    def test_goes_through_in_chunks(self, tenant: Tenant, write: Callable[..., Path]) -> None:
        size = services.CHUNK * 2 + 7
        rows = [f"2024-08-08T23:54:15Z,{index},50,1,buy" for index in range(size)]
        assert run(write(*rows), accounts=10) == counts(accepted=size)
        fold()
        assert query("SELECT sum(quantity), count(*) FROM trading_position") == [(size, 10)]

    def test_takes_instrument_and_account_of_the_row(
        self, tenant: Tenant, write: Callable[..., Path]
    ) -> None:
        open_account(tenant.pk, "MINE")
        path = write(
            "2024-08-08T23:54:15Z,1,50,1,buy,ETH-USDT.PERP,MINE",
            "2024-08-08T23:54:15Z,1,50,1,buy,,",
            "2024-08-08T23:54:15Z,2,50,1,buy,ETH-USDT.PERP,NOBODY",
            header=f"{HEADER},instrument,account",
            name="tape.csv",
        )
        assert run(path, instrument="BTC-USDT.PERP", accounts=3) == counts(accepted=2, rejected=1)
        rows = Trade.objects.order_by("instrument__symbol").values_list(
            "instrument__symbol", "account__number", "source"
        )
        assert list(rows) == [
            ("BTC-USDT.PERP", "ACC-0002", "file:BTC-USDT.PERP"),
            ("ETH-USDT.PERP", "MINE", "file:ETH-USDT.PERP"),
        ]

    def test_keeps_accounts_and_instruments_that_are_there(
        self, tenant: Tenant, write: Callable[..., Path]
    ) -> None:
        open_account(tenant.pk, "ACC-0001", name="Somebody", cost_method="fifo")
        run(write(*ROWS), accounts=1)
        assert ClientAccount.objects.get().name == "Somebody"

    def test_more_columns_are_named_and_not_used(
        self, tenant: Tenant, write: Callable[..., Path]
    ) -> None:
        path = write(f"{ROWS[0]},limit", header=f"{HEADER},order_type")
        out, err = io.StringIO(), io.StringIO()
        call_command("import_trades", path, tenant="acme", stdout=out, stderr=err)
        assert err.getvalue() == "columns not used: order_type\n"
        assert out.getvalue().startswith("1 accepted, 0 replayed, 0 rejected in ")

    def test_a_time_without_a_zone_is_utc(self, tenant: Tenant, write: Callable[..., Path]) -> None:
        run(write("2024-08-08 23:54:15,1,50,1,buy"))
        assert Trade.objects.get().executed_at.isoformat() == "2024-08-08T23:54:15+00:00"


class TestRejects:
    def test_bad_rows_are_set_aside_with_line_and_reasons(
        self, tenant: Tenant, write: Callable[..., Path]
    ) -> None:
        path = write(
            ROWS[0],
            "2024-08-08T23:54:15Z,1,50,1",
            "2024-08-08T23:54:15Z,2,50,1,buy,extra",
            "2024-08-08T23:54:15Z,3,NaN,-1,buy",
            "yesterday,4,50,1,hold",
            "2024-08-08T23:54:15Z,five,50,1,buy",
            b"\xff\xfe\x00junk\x00,6,50,1,buy",
            '2024-08-08T23:54:15Z,7,50,"1,buy',
            "",
            "2024-08-08T23:54:15Z,8,,1,buy",
            b"x" * 25_000,
            '"2024-08-08T23:54:15Z",9,50,"1",buy',
            f"2024-08-08T23:54:15Z,{'1' * 200},50,1,buy",
            ROWS[1],
        )
        assert run(path) == counts(accepted=3, rejected=10)
        found = {int(row["line"]): row["reasons"] for row in rejects(path)}
        assert sorted(found) == [3, 4, 5, 6, 7, 8, 9, 11, 12, 14]
        assert found[3] == "4 columns where the header has 5"
        assert found[4] == "6 columns where the header has 5"
        assert "price: an amount" in found[5]
        assert "quantity: A quantity is greater than 0. (not_positive)" in found[5]
        assert "unknown_side" in found[6]
        assert "invalid_time" in found[6]
        assert "whole number" in found[7]
        assert "unreadable" in found[8]
        assert "not CSV" in found[9]
        assert "price" in found[11]
        assert "longer than" in found[12]
        assert rejects(path)[0]["row"] == "2024-08-08T23:54:15Z,1,50,1"

    def test_refused_trades_are_booked_once_the_cause_is_gone(
        self, tenant: Tenant, write: Callable[..., Path]
    ) -> None:
        open_account(tenant.pk, "ACC-0002")
        services.change_account(tenant.pk, "ACC-0002", {"status": "frozen"})
        path = write(*ROWS)
        assert run(path, accounts=2) == counts(accepted=1, rejected=2)
        assert "account_frozen" in rejects(path)[0]["reasons"]
        services.change_account(tenant.pk, "ACC-0002", {"status": "open"})
        assert run(path, accounts=2) == counts(accepted=2, replayed=1)
        assert not path.with_name(f"{path.name}.rejects.csv").exists()

    def test_the_same_id_with_other_terms_is_refused_and_named(
        self, tenant: Tenant, write: Callable[..., Path]
    ) -> None:
        path = write(ROWS[0], ROWS[0], ROWS[0].replace("sell", "buy"))
        assert run(path) == counts(accepted=1, replayed=1, rejected=1)
        assert "side" in rejects(path)[0]["reasons"]

    def test_go_where_they_are_told(
        self, tenant: Tenant, write: Callable[..., Path], tmp_path: Path
    ) -> None:
        aside = tmp_path / "aside.csv"
        run(write("bad"), rejects=aside)
        assert aside.read_text().splitlines()[1].startswith("2,1 columns")

    def test_go_to_var_where_the_directory_is_read_only(
        self,
        tenant: Tenant,
        write: Callable[..., Path],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(settings, "VAR_DIR", tmp_path / "var")
        path = write("bad")
        beside = path.with_name(f"{path.name}.rejects.csv")
        really_open = Path.open

        def refuse(self: Path, *args: Any, **options: Any) -> Any:
            if self == beside:
                raise PermissionError(os.strerror(13))
            return really_open(self, *args, **options)

        monkeypatch.setattr(Path, "open", refuse)
        out = io.StringIO()
        call_command("import_trades", path, tenant="acme", stdout=out)
        aside = tmp_path / "var" / "rejects" / beside.name
        assert str(aside) in out.getvalue()
        assert "1 columns" in aside.read_text()


class TestWrongFiles:
    @pytest.mark.parametrize(
        ("header", "said"),
        [
            ("a,b,c", "must name the columns"),
            (ROWS[0], "must name the columns"),
            ("", "must name the columns"),
            ("time,trade_id,price,quantity", "aggressor_side not found"),
            (f"{HEADER},time", "twice"),
            ("\x7fELF\x02\x01", "must name the columns"),
        ],
    )
    def test_say_what_is_wrong(
        self, tenant: Tenant, write: Callable[..., Path], header: str, said: str
    ) -> None:
        with pytest.raises(CommandError, match=said):
            run(write(ROWS[0], header=header))
        assert count("trading_clientaccount") == 0

    def test_a_file_that_is_not_there(self, tenant: Tenant, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="No such file"):
            run(tmp_path / NAME)

    def test_a_directory(self, tenant: Tenant, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="directory"):
            run(tmp_path)

    def test_a_name_that_tells_no_instrument(
        self, tenant: Tenant, write: Callable[..., Path]
    ) -> None:
        with pytest.raises(CommandError, match="--instrument"):
            run(write(ROWS[0], name="tape.csv"))

    def test_an_unknown_tenant(self, transactional_db: None, write: Callable[..., Path]) -> None:
        with pytest.raises(CommandError, match="no such tenant"):
            run(write(ROWS[0]))

    def test_an_instrument_that_cannot_be_listed(
        self, tenant: Tenant, write: Callable[..., Path]
    ) -> None:
        with pytest.raises(CommandError, match="is_a_currency"):
            run(write(ROWS[0]), instrument="USD")

    def test_a_truncated_file_books_what_came_before(
        self, tenant: Tenant, write: Callable[..., Path]
    ) -> None:
        size = services.CHUNK * 4
        path = write(
            *[f"2024-08-08T23:54:15Z,{index},{index % 97 + 1}.5,1,buy" for index in range(size)],
            name=f"{NAME}.gz",
        )
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) * 3 // 4])
        with pytest.raises(CommandError, match="damaged after line"):
            run(path)
        booked = count("trading_trade")
        assert booked >= services.CHUNK
        path.write_bytes(whole)
        assert run(path) == counts(accepted=size - booked, replayed=booked)


class TestGuesses:
    @pytest.mark.parametrize(
        ("symbol", "kind", "currency", "multiplier", "inverse"),
        [
            ("BTC-USD.PERP.INVERSE", "future", "BTC", 100, True),
            ("ETH-USD.PERP.INVERSE", "future", "ETH", 10, True),
            ("SOL-USD.PERP.INVERSE", "future", "SOL", 10, True),
            ("BTC-USDT.SPOT", "crypto", "USDT", 1, False),
            ("BTC-USDT", "crypto", "USDT", 1, False),
            ("ETH-USDT.PERP", "future", "USDT", 1, False),
            ("XRP-ETH", "crypto", "ETH", 1, False),
            ("EUR-USD", "fx", "USD", 1, False),
            ("EUR/JPY", "fx", "JPY", 1, False),
            ("AAPL", "equity", "USD", 1, False),
        ],
    )
    def test_of_an_instruments_name(
        self, symbol: str, kind: str, currency: str, multiplier: int, inverse: bool
    ) -> None:
        terms = guess_terms(symbol)
        assert (terms.kind, terms.currency, terms.multiplier, terms.inverse) == (
            kind, currency, multiplier, inverse
        )  # fmt: skip
        assert (terms.lot_size, terms.tick_size) == (None, None)

    @pytest.mark.parametrize(
        ("name", "symbol"),
        [
            ("trades_BTC-USD.PERP.INVERSE_20240808.csv.gz", "BTC-USD.PERP.INVERSE"),
            ("trades_BTC-USDT_kraken_20251110_a.csv.gz", "BTC-USDT"),
            ("trades_XRP-ETH_20191011-12.csv.gz", "XRP-ETH"),
            ("trades_BTC-USDT.SPOT_20240808.csv", "BTC-USDT.SPOT"),
            ("tape.csv", None),
        ],
    )
    def test_of_a_files_name(self, name: str, symbol: str | None) -> None:
        assert symbol_of(Path(name)) == symbol


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("import_trades", "--help")
    said = capsys.readouterr().out
    for word in (
        "time,trade_id,price,quantity,aggressor_side",
        "trade_id mod N + 1",
        "--accounts N",
    ):
        assert word in said
