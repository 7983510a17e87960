"""ISO 20022 over files: sese.023 goes out, sese.024 and sese.025 come in.

messages    XML, safely read and written, and the shape that each message has
writing     an instruction as sese.023 (SecuritiesSettlementTransactionInstruction, version 11)
reading     sese.024 (status advice, versions 10 to 13) and sese.025 (confirmation, 9 to 13) as notices
folders     where files wait, and the clearing system behind them
"""
