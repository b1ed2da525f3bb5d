"""Was this recording trained on?"""
