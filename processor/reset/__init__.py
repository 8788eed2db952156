"""Reset: offsets, cursors, counts and published counts begin anew, together or not at all.

Read plan (what is chosen, and what would change), then reset (the steps, and why they may be interrupted anywhere).
"""
