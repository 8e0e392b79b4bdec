import fc from 'fast-check'

/**
 * What fast-check makes up is the same in every run, so that a commit is judged by what it changed. `npm run fuzz` looks
 * further: it hands in a seed of its own for each round.
 */
fc.configureGlobal({ seed: Number(process.env.PODHOP_FUZZ_SEED ?? 1) })
