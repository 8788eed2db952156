"""What an operator does with dead letters: choice (which ones), returns (what goes back), redrive, purge; text, times.

All that is decided is pure; processor/kafka/ reads, sends and deletes (letterbox, returning).
"""
