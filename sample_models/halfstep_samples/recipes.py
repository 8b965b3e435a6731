"""Which sample models are there?"""

from . import digits_cnn, digits_mlp, sentences_lstm, sequence_transformer

RECIPES = {module.RECIPE.name: module.RECIPE
           for module in (digits_mlp, digits_cnn, sequence_transformer, sentences_lstm)}
