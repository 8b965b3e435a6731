"""How is a network trained so that the same seed gives the same weights?

One thread, deterministic algorithms, every random choice from a generator with a given seed. The result
is bit-exact on the same version of torch and of the BLAS library below it; elsewhere it differs in the
last digits, and after training by as much as another seed would.
"""

import time

import torch


def make_deterministic(seed):
    """Call before a network is created: its initial weights come from the global generator."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)


def fit(module, steps, batch, loss_of_rows, row_count, *, seed, learning_rate, weight_decay=0.01, log=print):
    """Trains `module` with AdamW, warm-up and a falling learning rate (one cycle).

    `loss_of_rows(step, rows)`: the loss of the training samples with these row numbers, int64 [batch].
    `row_count`: the number of training samples; every epoch visits them in a new random order.
    """
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(module.parameters(), lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.1)
    module.train()
    started, recent, queue = time.monotonic(), 0.0, torch.empty(0, dtype=torch.int64)
    for step in range(steps):
        if len(queue) < batch:
            queue = torch.randperm(row_count, generator=order)
        rows, queue = queue[:batch], queue[batch:]
        loss = loss_of_rows(step, rows)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        recent = loss.item() if step == 0 else 0.98 * recent + 0.02 * loss.item()
        if (step + 1) % 200 == 0 or step + 1 == steps:
            log(f"  step {step + 1}/{steps}  loss {recent:.4f}  {time.monotonic() - started:.0f} s")
    module.eval()


def logits_of(module, inputs, batch=250):
    """Runs a trained module on numpy inputs (name -> array, one name) -> float32 numpy [samples, classes]."""
    (samples,) = inputs.values()
    with torch.no_grad():
        parts = [module(torch.from_numpy(samples[first:first + batch])) for first in range(0, len(samples), batch)]
    return torch.cat(parts).numpy()


def array(tensor):
    """A torch parameter as a float32 numpy array."""
    return tensor.detach().numpy().astype("float32")
