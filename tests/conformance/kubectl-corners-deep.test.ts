import { corners } from './kubectl/corners.ts'

/** More than a thousand command lines, most of them with something wrong. */
for (const file of ['containers', 'get', 'change', 'create-set-delete', 'wait-describe-nodes-debug', 'requests-prune-no-server']) corners(file)
