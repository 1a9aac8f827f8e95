/** A bucket of tokens: it gains so many a second, up to a bound, and whoever wants something takes one out. Times are given. */

export interface Bucket {
  readonly tokens: number
  /** When that was so, on the clock of whoever asks, in milliseconds. */
  readonly at: number
}

export interface BucketPolicy {
  readonly perSecond: number
  readonly most: number
}

/**
 * The bucket at a later time.
 *
 * ```ts check
 * refilled({ tokens: 1, at: 0 }, { perSecond: 2, most: 10 }, 1000).tokens // => 3
 * refilled({ tokens: 1, at: 0 }, { perSecond: 2, most: 10 }, 60000).tokens // => 10
 * ```
 */
export const refilled = ({ tokens, at }: Bucket, { perSecond, most }: BucketPolicy, now: number): Bucket => ({
  tokens: Math.min(most, tokens + (perSecond * Math.max(0, now - at)) / 1_000),
  at: Math.max(at, now)
})

/** The bucket with more in it, or less; never above its bound. */
export const withTokens = ({ tokens, at }: Bucket, { most }: BucketPolicy, more: number): Bucket => ({
  tokens: Math.min(most, tokens + more),
  at
})
