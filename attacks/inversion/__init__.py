"""What did the training speech sound like?"""
