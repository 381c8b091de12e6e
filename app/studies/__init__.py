"""The Studies page: questions about the method, with their recorded answers, to be run again."""
