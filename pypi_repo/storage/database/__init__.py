"""The metadata database: engines, tables, transactions and prepared questions."""
