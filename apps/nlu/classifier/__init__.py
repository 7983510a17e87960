"""The local classifier: features, a trained model, and how it is trained and measured.

Reading a model needs numpy only; scikit-learn and scipy are imported where models are trained, so
that web processes never pay for them (docs/decisions/0033).
"""
