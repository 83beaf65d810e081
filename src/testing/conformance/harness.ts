import type { DriverCapabilities } from '../../driver/index.js'
import type { ConformanceSubject } from './subject.js'

/** Capabilities that are there or not; the others of {@link DriverCapabilities} are limits. */
export type ConformanceCapability =
  | 'createOnly'
  | 'conditionalUpdate'
  | 'conditionalDelete'
  | 'conditionalCopy'
  | 'signedUrls'
  | 'signedUploads'
  | 'publicUrls'
  | 'visibility'

/** Methods and hooks that a subject or its harness may leave out. */
export type ConformanceFeature = 'copy' | 'move' | 'exists' | 'reopen' | 'refused' | 'unavailable'

/** What a case cannot do without. */
export type ConformanceNeed = ConformanceCapability | ConformanceFeature

/** The storage under test, and what only its author knows about it. */
export interface ConformanceHarness {
  readonly subject: ConformanceSubject
  /** What the subject declares. A case is skipped only because of this, or because an optional method is missing. */
  readonly capabilities: DriverCapabilities
  /** Bytes beyond which the subject splits a body, 64 KiB by default. Sizes of the larger cases follow it. */
  readonly partSize?: number | undefined
  /** Put in front of every key that the suite writes, such as `project_7/`. Ends in a slash; nothing by default. */
  readonly prefix?: string | undefined
  /**
   * Milliseconds of silence after which a stalled body must fail the put, passed as `idleTimeout`; 100 by default.
   * Raise it where the machine is slow.
   */
  readonly idleTimeout?: number | undefined
  /** Milliseconds that the clock of the storage may differ from this machine's; 5,000 by default. */
  readonly clockSkew?: number | undefined
  /** Milliseconds that something may still be seen after it was released; 5,000 by default. */
  readonly grace?: number | undefined
  /** Texts that no error may show: secrets, and the absolute path of the root. */
  readonly secrets?: readonly string[] | undefined
  /**
   * Cases that are known to fail here and why, by name. They are run nevertheless, and one that passes is a failure:
   * the list must shrink when the storage gets better.
   */
  readonly gaps?: Readonly<Record<string, string>> | undefined
  /** The same storage, opened a second time, as a new process would. The suite closes it. */
  reopen?(): Promise<ConformanceSubject>
  /** A subject whose storage refuses every request, such as one with a wrong secret. The suite closes it. */
  refused?(): Promise<ConformanceSubject>
  /** A subject whose storage cannot be reached. The suite closes it. */
  unavailable?(): Promise<ConformanceSubject>
  /** What was left behind under `prefix`: staging files, open multipart uploads, open handles. A line each. */
  leaks?(prefix: string): Promise<readonly string[]>
  /** Takes the storage down when all cases have run. */
  close?(): Promise<void>
}

/** Why the case cannot run here, or undefined where it can. */
export function missing(harness: ConformanceHarness, needs: readonly ConformanceNeed[]): string | undefined {
  for (const need of needs) {
    switch (need) {
      case 'copy':
      case 'move':
      case 'exists':
        if (harness.subject[need] === undefined) return `the subject has no ${need}`
        break
      case 'reopen':
      case 'refused':
      case 'unavailable':
        if (harness[need] === undefined) return `the harness has no ${need}`
        break
      default:
        if (!harness.capabilities[need]) return `capability ${need} is not declared`
    }
  }
  return undefined
}
