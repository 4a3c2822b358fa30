/** Version of lowbit; a test holds it equal to package.json. */
export const lowbitVersion = '0.1.0';
