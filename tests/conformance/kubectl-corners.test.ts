import { corners } from './kubectl/corners.ts'

/** The most telling lines of all; kubectl-corners-deep.test.ts has the others. */
corners('quick')
